// A made-up cluster as kubectl would print it: for what depends on size.

const mi = (n) => `${Math.round(n)}Mi`;
const at = '2026-11-28T06:00:00Z';

// cluster has that many nodes of 16Gi with that many pods each, in 40 namespaces; the pods' requests and usage are spread evenly,
// so that nodes with much and with little headroom are among them.
export function cluster(nodes, pods) {
  const items = [];
  for (let n = 0; n < nodes; n++) {
    const node = `ip-10-0-${n >> 8}-${n & 255}.eu-central-1.compute.internal`;
    items.push({
      apiVersion: 'v1', kind: 'Node', metadata: { name: node, uid: node },
      status: {
        capacity: { memory: '16Gi' }, allocatable: { memory: '15Gi' }, conditions: [{ type: 'Ready', status: 'True' }],
        nodeInfo: { operatingSystem: 'linux', kubeletVersion: 'v1.37.2', containerRuntimeVersion: 'containerd://2.4.2' },
      },
    });
    let used = 600;
    for (let p = 0; p < pods; p++) {
      const i = n * pods + p;
      const name = `workload-${i % 997}-5d8f7c9b64-${String(i).padStart(5, '0')}`;
      const namespace = `team-${i % 40}`;
      const usage = 20 + ((i * 7919) % 1000);
      used += usage;
      const resources = i % 3 === 0 ? {} : { requests: { memory: mi(64 << (i % 4)) }, ...(i % 2 ? { limits: { memory: '2Gi' } } : {}) };
      items.push({
        apiVersion: 'v1', kind: 'Pod',
        metadata: {
          name, namespace, uid: `uid-${i}`, labels: { 'pod-template-hash': '5d8f7c9b64', ...(i % 50 ? {} : { 'killorder.io/critical': 'true' }) },
          ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `workload-${i % 997}-5d8f7c9b64`, uid: 'x', controller: true }],
        },
        spec: { nodeName: node, priority: 0, containers: [{ name: 'app', image: 'registry.example/app:1', resources }] },
        status: { phase: 'Running', containerStatuses: [{ name: 'app', state: { running: { startedAt: '2026-11-28T05:00:00Z' } } }] },
      });
      items.push({
        apiVersion: 'metrics.k8s.io/v1beta1', kind: 'PodMetrics', metadata: { name, namespace }, timestamp: at, window: '15s',
        containers: [{ name: 'app', usage: { memory: mi(usage) } }],
      });
    }
    items.push({
      apiVersion: 'metrics.k8s.io/v1beta1', kind: 'NodeMetrics', metadata: { name: node }, timestamp: at, window: '15s',
      usage: { memory: mi(Math.min(used, 16300)) },
    });
  }
  return { apiVersion: 'v1', kind: 'List', items };
}
