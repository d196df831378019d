// Package wire is what the agent in the virtual machine and its client outside have in common.
package wire

// Ports of the machine.
const (
	AgentPort   = 8080
	RuntimePort = 8081
	KubeletPort = 10250
)

// RuntimeSocket is containerd's socket in the machine, which the agent makes reachable at RuntimePort.
const RuntimeSocket = "/run/containerd/containerd.sock"

const (
	// PIDHeader is the HTTP header with the ID of the process that the agent started.
	PIDHeader = "Process-Id"
	// EndedTrailer is the HTTP trailer with the way in which that process ended, as os.ProcessState writes it.
	EndedTrailer = "Process-Ended"
	// Succeeded is the value of EndedTrailer for a program that ended well.
	Succeeded = "exit status 0"
)

// Command is a program that the agent has to start.
type Command struct {
	Path string
	Args []string
}
