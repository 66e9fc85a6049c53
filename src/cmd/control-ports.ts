/** Where controllers and scheduler tell how they are. */
export interface ControlPorts {
  readonly controllerManager: number;
  readonly scheduler: number;
}

/** Upstream's; its API server looks for them there. */
export const usualControlPorts: ControlPorts = { controllerManager: 10_257, scheduler: 10_259 };
