// Command agent is the way into the virtual machine: it serves the files of the machine, starts programs there, and
// sends signals. The kernel never kills the agent; the programs that the agent starts have oom_score_adj 0, as they
// would have under any other parent.
package main

import (
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/killorder/killorder/test/e2e/vm/wire"
)

func main() {
	check(os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0o644))
	go forward(wire.RuntimePort, wire.RuntimeSocket)
	http.HandleFunc("GET /file", readFile)
	http.HandleFunc("PUT /file", writeFile)
	http.HandleFunc("POST /signal", signal)
	http.HandleFunc("POST /run", run)
	check(http.ListenAndServe(":"+strconv.Itoa(wire.AgentPort), nil))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func refuse(w http.ResponseWriter, err error) {
	http.Error(w, err.Error(), http.StatusUnprocessableEntity)
}

func readFile(w http.ResponseWriter, r *http.Request) {
	data, err := os.ReadFile(r.URL.Query().Get("path"))
	if err != nil {
		refuse(w, err)
		return
	}
	_, _ = w.Write(data)
}

func writeFile(w http.ResponseWriter, r *http.Request) {
	file, err := os.Create(r.URL.Query().Get("path"))
	if err != nil {
		refuse(w, err)
		return
	}
	_, err = io.Copy(file, r.Body)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		refuse(w, err)
	}
}

func signal(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	pid, err := strconv.Atoi(query.Get("pid"))
	if err != nil {
		refuse(w, err)
		return
	}
	number, err := strconv.Atoi(query.Get("signal"))
	if err != nil {
		refuse(w, err)
		return
	}
	if err := syscall.Kill(pid, syscall.Signal(number)); err != nil {
		refuse(w, err)
	}
}

// run starts a program and streams what the program writes. The process ID comes before the output, in a header, and
// how the program ended comes after the output, in a trailer.
func run(w http.ResponseWriter, r *http.Request) {
	var command wire.Command
	if err := json.NewDecoder(r.Body).Decode(&command); err != nil {
		refuse(w, err)
		return
	}
	// The shell gives up the agent's own oom_score_adj before the shell becomes the program.
	args := append([]string{"-c", `echo 0 >/proc/self/oom_score_adj; exec "$0" "$@"`, command.Path}, command.Args...)
	cmd := exec.Command("/bin/sh", args...)
	cmd.Env = append(os.Environ(), "PATH=/bin")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	read, write, err := os.Pipe()
	if err != nil {
		refuse(w, err)
		return
	}
	defer read.Close()
	cmd.Stdout, cmd.Stderr = write, write
	err = cmd.Start()
	_ = write.Close()
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Trailer", wire.EndedTrailer)
	w.Header().Set(wire.PIDHeader, strconv.Itoa(cmd.Process.Pid))
	w.WriteHeader(http.StatusOK)
	flushing := http.NewResponseController(w)
	_ = flushing.Flush()
	stream(w, flushing, read)
	_ = cmd.Wait()
	w.Header().Set(wire.EndedTrailer, cmd.ProcessState.String())
}

// stream copies until the last process that holds the other end of the pipe has ended. A reader that has gone does not
// stop the program, which would otherwise die of a full pipe.
func stream(w io.Writer, flushing *http.ResponseController, from io.Reader) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			_, _ = w.Write(buffer[:n])
			_ = flushing.Flush()
		}
		if err != nil {
			return
		}
	}
}

// forward makes a socket of the machine reachable at a port.
func forward(port int, socket string) {
	listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	check(err)
	for {
		from, err := listener.Accept()
		check(err)
		go func() {
			defer from.Close()
			to, err := net.Dial("unix", socket)
			if err != nil {
				return // the caller sees a closed connection, and tries again
			}
			defer to.Close()
			go func() { _, _ = io.Copy(to, from); _ = to.Close() }()
			_, _ = io.Copy(from, to)
		}()
	}
}
