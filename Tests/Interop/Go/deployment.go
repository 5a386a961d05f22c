package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const trustDomain = "example.org"

// Deployment is a control plane, and an agent if one is wanted, as real processes in a folder of their own.
type Deployment struct {
	signet    string
	directory string
	port      int
	server    *process
	agent     *process
	// The SPIFFE ID of the agent process.
	agentID *types.SPIFFEID
}

// process is a program that this one started and ends again.
type process struct {
	command *exec.Cmd
	logPath string
	ended   chan struct{}
}

// NewDeployment lays out the folder and starts the control plane with further keys of the section server.
func NewDeployment(signet string, options map[string]string) *Deployment {
	directory := must(os.MkdirTemp("", "signet-interop-"))
	need(os.Chmod(directory, 0o755))
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	port := listener.Addr().(*net.TCPAddr).Port
	need(listener.Close())
	d := &Deployment{signet: signet, directory: directory, port: port}
	d.write("server.yaml", "server", options, map[string]string{
		"trust_domain": trustDomain, "data_dir": d.path("server-data"), "socket_path": d.adminSocket(),
		"bind_address": "127.0.0.1", "bind_port": fmt.Sprint(port), "log_level": "debug",
	})
	d.StartServer()
	return d
}

func (d *Deployment) path(name string) string { return filepath.Join(d.directory, name) }
func (d *Deployment) adminSocket() string     { return d.path("server/api.sock") }
func (d *Deployment) workloadSocket() string  { return d.path("agent/api.sock") }
func (d *Deployment) workloadURI() string     { return "unix://" + d.workloadSocket() }
func (d *Deployment) address() string         { return fmt.Sprintf("127.0.0.1:%d", d.port) }

func (d *Deployment) write(name, section string, maps ...map[string]string) {
	keys := map[string]string{}
	for _, more := range maps {
		for key, value := range more {
			keys[key] = value
		}
	}
	lines := []string{}
	for key, value := range keys {
		lines = append(lines, fmt.Sprintf("  %s: %s\n", key, value))
	}
	sort.Strings(lines)
	need(os.WriteFile(d.path(name), []byte(section+":\n"+strings.Join(lines, "")), 0o600))
}

// StartServer starts the control plane and waits until it serves.
func (d *Deployment) StartServer() {
	d.server = start(d.path("server.log"), d.signet, "server", "run", "--config", d.path("server.yaml"))
	d.server.waitUntilServing(d.adminSocket())
}

// StartAgent starts the node agent with a join token and waits until it serves.
func (d *Deployment) StartAgent(token string, options map[string]string) {
	bundle := must(exec.Command(d.signet, "bundle", "show", "--socket-path", d.adminSocket()).Output())
	need(os.WriteFile(d.path("bundle.pem"), bundle, 0o600))
	need(os.WriteFile(d.path("join-token"), []byte(token), 0o600))
	d.write("agent.yaml", "agent", options, map[string]string{
		"trust_domain": trustDomain, "data_dir": d.path("agent-data"), "socket_path": d.workloadSocket(),
		"server_address": "127.0.0.1", "server_port": fmt.Sprint(d.port), "trust_bundle_path": d.path("bundle.pem"),
		"join_token_file": d.path("join-token"), "log_level": "debug",
	})
	d.agent = start(d.path("agent.log"), d.signet, "agent", "run", "--config", d.path("agent.yaml"))
	d.agentID = wire("/spire/agent/join_token/" + token)
	d.agent.waitUntilServing(d.workloadSocket())
}

// Stop ends both processes. The folder stays when keep is set.
func (d *Deployment) Stop(c *Checks, keep bool) {
	for name, one := range map[string]*process{"agent": d.agent, "control plane": d.server} {
		if one != nil {
			one.stop()
			c.Equal(name+" ends by SIGTERM", one.command.ProcessState.String(), "exit status 0")
		}
	}
	if keep {
		fmt.Fprintf(os.Stderr, "# kept %s\n", d.directory)
	} else {
		os.RemoveAll(d.directory)
	}
}

func start(logPath, name string, arguments ...string) *process {
	log := must(os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600))
	defer log.Close()
	command := exec.Command(name, arguments...)
	command.Stdout, command.Stderr = log, log
	// Should this program end without a word, so do the ones it started.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	need(command.Start())
	p := &process{command: command, logPath: logPath, ended: make(chan struct{})}
	go func() {
		command.Wait()
		close(p.ended)
	}()
	return p
}

func (p *process) waitUntilServing(socket string) {
	conn := must(grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials())))
	defer conn.Close()
	deadline := time.Now().Add(30 * time.Second)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		reply, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		cancel()
		if err == nil && reply.Status == grpc_health_v1.HealthCheckResponse_SERVING {
			return
		}
		select {
		case <-p.ended:
			need(fmt.Errorf("%s ended before it served: %s", p.command.Args[1], p.lastLines()))
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			need(errors.New(p.command.Args[1] + " does not serve after 30 s: " + p.lastLines()))
		}
		conn.ResetConnectBackoff()
	}
}

// processorTime is what the process has used so far: the 14th and 15th field of its stat, in hundredths of a second.
func (p *process) processorTime() time.Duration {
	text := string(must(os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.command.Process.Pid))))
	fields := strings.Fields(text[strings.LastIndex(text, ")")+1:])
	user, system := must(strconv.Atoi(fields[11])), must(strconv.Atoi(fields[12]))
	return time.Duration(user+system) * 10 * time.Millisecond
}

func (p *process) lastLines() string {
	text, _ := os.ReadFile(p.logPath)
	if len(text) > 1000 {
		text = text[len(text)-1000:]
	}
	return string(text)
}

func (p *process) stop() {
	if p == nil {
		return
	}
	p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		p.command.Process.Kill()
		<-p.ended
	}
}
