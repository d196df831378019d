package node

import (
	"context"
	"encoding/json"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Runtime asks containerd what the kubelet asked of it.
type Runtime struct {
	connection *grpc.ClientConn
	service    runtimeapi.RuntimeServiceClient
}

// Container is a running container as the runtime knows it.
type Container struct {
	Namespace, Pod, PodUID, Name string
	// PID of its first process.
	PID int
	// OOMScoreAdj is what the kubelet asked for.
	OOMScoreAdj int64
}

func dial(target string) (*Runtime, error) {
	connection, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return &Runtime{connection: connection, service: runtimeapi.NewRuntimeServiceClient(connection)}, nil
}

// Close hangs up.
func (r *Runtime) Close() error { return r.connection.Close() }

func (r *Runtime) ready(ctx context.Context) error {
	_, err := r.service.Version(ctx, &runtimeapi.VersionRequest{})
	return err
}

// Containers are the running ones in a namespace, or all if it is empty.
func (r *Runtime) Containers(ctx context.Context, namespace string) ([]Container, error) {
	list, err := r.service.ListContainers(ctx, &runtimeapi.ListContainersRequest{Filter: &runtimeapi.ContainerFilter{
		State: &runtimeapi.ContainerStateValue{State: runtimeapi.ContainerState_CONTAINER_RUNNING},
	}})
	if err != nil {
		return nil, err
	}
	var found []Container
	for _, c := range list.Containers {
		if namespace != "" && c.Labels["io.kubernetes.pod.namespace"] != namespace {
			continue
		}
		container, err := r.inspect(ctx, c)
		if err != nil {
			return nil, err
		}
		found = append(found, container)
	}
	return found, nil
}

// inspected is the part that matters of what `crictl inspect` shows: the process, and the request that made it.
type inspected struct {
	PID    int `json:"pid"`
	Config struct {
		Linux struct {
			Resources struct {
				OOMScoreAdj int64 `json:"oom_score_adj"`
			} `json:"resources"`
		} `json:"linux"`
	} `json:"config"`
}

func (r *Runtime) inspect(ctx context.Context, c *runtimeapi.Container) (Container, error) {
	status, err := r.service.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: c.Id, Verbose: true})
	if err != nil {
		return Container{}, err
	}
	var info inspected
	if err := json.Unmarshal([]byte(status.Info["info"]), &info); err != nil {
		return Container{}, fmt.Errorf("container %s: %w", c.Id, err)
	}
	return Container{
		Name: c.Metadata.Name, Pod: c.Labels["io.kubernetes.pod.name"], Namespace: c.Labels["io.kubernetes.pod.namespace"],
		PodUID: c.Labels["io.kubernetes.pod.uid"], PID: info.PID, OOMScoreAdj: info.Config.Linux.Resources.OOMScoreAdj,
	}, nil
}
