/**
 * Node's `http`. To import it as a module reads each of its exports, and the one called `WebSocket` loads the whole of the
 * fetch client: 6 MB and about 20 ms for every process that serves or speaks HTTP. Asked for this way it is not read.
 */
export const http = process.getBuiltinModule("node:http");
