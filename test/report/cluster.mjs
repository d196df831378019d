// A made-up cluster as kubectl would print it: for what depends on size.
//
//   node test/report/cluster.mjs NODES PODS-A-NODE > cluster.json   # a List, with all that kubectl prints of a pod: 6 kB each
import { once } from 'node:events';
import { argv, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';

const mi = (n) => `${Math.round(n)}Mi`;
const at = '2026-11-28T06:00:00Z';

// cluster has that many nodes of 16Gi with that many pods each, in 40 namespaces; the pods' requests and usage are spread evenly,
// so that nodes with much and with little headroom are among them.
export function cluster(nodes, pods) {
  return { apiVersion: 'v1', kind: 'List', items: [...objects(nodes, pods)] };
}

function* objects(nodes, pods) {
  for (let n = 0; n < nodes; n++) {
    const node = `ip-10-0-${n >> 8}-${n & 255}.eu-central-1.compute.internal`;
    yield {
      apiVersion: 'v1', kind: 'Node', metadata: { name: node, uid: node },
      status: {
        capacity: { memory: '16Gi' }, allocatable: { memory: '15Gi' }, conditions: [{ type: 'Ready', status: 'True' }],
        nodeInfo: { operatingSystem: 'linux', kubeletVersion: 'v1.37.2', containerRuntimeVersion: 'containerd://2.4.2' },
      },
    };
    let used = 600;
    for (let p = 0; p < pods; p++) {
      const i = n * pods + p;
      const name = `workload-${i % 997}-5d8f7c9b64-${String(i).padStart(5, '0')}`;
      const namespace = `team-${i % 40}`;
      const usage = 20 + ((i * 7919) % 1000);
      used += usage;
      const resources = i % 3 === 0 ? {} : { requests: { memory: mi(64 << (i % 4)) }, ...(i % 2 ? { limits: { memory: '2Gi' } } : {}) };
      yield {
        apiVersion: 'v1', kind: 'Pod',
        metadata: {
          name, namespace, uid: `uid-${i}`, labels: { 'pod-template-hash': '5d8f7c9b64', ...(i % 50 ? {} : { 'killorder.io/critical': 'true' }) },
          ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `workload-${i % 997}-5d8f7c9b64`, uid: 'x', controller: true }],
        },
        spec: { nodeName: node, priority: 0, containers: [{ name: 'app', image: 'registry.example/app:1', resources }] },
        status: { phase: 'Running', containerStatuses: [{ name: 'app', state: { running: { startedAt: '2026-11-28T05:00:00Z' } } }] },
      };
      yield {
        apiVersion: 'metrics.k8s.io/v1beta1', kind: 'PodMetrics', metadata: { name, namespace }, timestamp: at, window: '15s',
        containers: [{ name: 'app', usage: { memory: mi(usage) } }],
      };
    }
    yield {
      apiVersion: 'metrics.k8s.io/v1beta1', kind: 'NodeMetrics', metadata: { name: node }, timestamp: at, window: '15s',
      usage: { memory: mi(Math.min(used, 16300)) },
    };
  }
}

// printed is a pod with what else kubectl prints of it, and nobody here reads.
function printed(o) {
  if (o.kind !== 'Pod') return o;
  const fields = {};
  for (let i = 0; i < 9; i++) fields[`f:field-${i}`] = { '.': {}, [`k:{"name":"entry-${i}"}`]: { 'f:value': {} } };
  o.metadata.managedFields = [{ manager: 'kubelet', operation: 'Update', apiVersion: 'v1', time: at, fieldsType: 'FieldsV1', fieldsV1: fields }];
  Object.assign(o.spec.containers[0], {
    env: Array.from({ length: 12 }, (_, i) => ({ name: `SETTING_${i}`, value: `https://service-${i}.example.internal:8443/api/v1` })),
    livenessProbe: { httpGet: { path: '/healthz', port: 8080, scheme: 'HTTP' }, periodSeconds: 10, failureThreshold: 3 },
    volumeMounts: [{ mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', name: 'kube-api-access', readOnly: true }],
  });
  Object.assign(o.spec, {
    dnsPolicy: 'ClusterFirst', enableServiceLinks: true, restartPolicy: 'Always', schedulerName: 'default-scheduler', serviceAccountName: 'default',
    tolerations: ['not-ready', 'unreachable'].map((k) => ({ effect: 'NoExecute', key: `node.kubernetes.io/${k}`, operator: 'Exists', tolerationSeconds: 300 })),
  });
  o.status.conditions = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => (
    { type, status: 'True', lastProbeTime: null, lastTransitionTime: at }));
  return o;
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  stdout.write('{\n    "apiVersion": "v1",\n    "kind": "List",\n    "items": [');
  let first = true;
  for (const o of objects(Number(argv[2]), Number(argv[3]))) {
    const text = JSON.stringify(printed(o), null, 4).replaceAll('\n', '\n        ');
    if (!stdout.write(`${first ? '' : ','}\n        ${text}`)) await once(stdout, 'drain');
    first = false;
  }
  stdout.write('\n    ]\n}\n');
}
