/** A Deployment and a Service for its pods. */
export function webApp(name: string, namespace: string, replicas: number, image = "example.com/web:1"): string {
  return `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      containers:
        - name: main
          image: ${image}
          ports: [{ containerPort: 8080 }]
          resources: { requests: { cpu: 500m, memory: 64Mi } }
---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  selector: { app: ${name} }
  ports: [{ port: 80, targetPort: 8080 }]
`;
}

export const namespaceManifest = (name: string): string => `
apiVersion: v1
kind: Namespace
metadata: { name: ${name} }
---
`;
