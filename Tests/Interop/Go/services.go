package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
)

// Two Go services, each a process of its own with a program file of its own, so that the agent tells them apart by
// path. This program is both: `serve` and `call` below are their main functions.

// callReport is what a calling service tells at its end.
type callReport struct {
	Calls       int      `json:"calls"`
	Failures    []string `json:"failures"`
	Answers     []string `json:"answers"`
	Serials     int      `json:"serials"`
	Authorities int      `json:"authorities"`
}

// serve answers every connection of the one peer that may call with the peer's SPIFFE ID.
func serve(socket, peer string) error {
	ctx := context.Background()
	source, err := workloadapi.NewX509Source(within(20*time.Second), workloadapi.WithClientOptions(workloadapi.WithAddr(socket)))
	if err != nil {
		return err
	}
	listener, err := spiffetls.ListenWithMode(ctx, "tcp", "127.0.0.1:0",
		spiffetls.MTLSServerWithSource(tlsconfig.AuthorizeID(spiffeid.RequireFromString(peer)), source))
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			// Reading makes the handshake; a peer that is refused ends here.
			if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
				return
			}
			if caller, err := spiffetls.PeerIDFromConn(conn); err == nil {
				fmt.Fprintf(conn, "hello %s\n", caller)
			}
		}()
	}
}

// call calls the service again and again, each time on a new connection, and reports.
func call(socket, address, peer string, duration, interval time.Duration) error {
	source, err := workloadapi.NewX509Source(within(20*time.Second), workloadapi.WithClientOptions(workloadapi.WithAddr(socket)))
	if err != nil {
		return err
	}
	defer source.Close()
	report := callReport{Failures: []string{}}
	serials, authorities, answers := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for deadline := time.Now().Add(duration); ; {
		answer, state, err := callOnce(source, address, peer)
		report.Calls++
		if err != nil {
			report.Failures = append(report.Failures, err.Error())
		} else {
			answers[answer] = true
			leaf := state.PeerCertificates[0]
			serials[leaf.SerialNumber.String()] = true
			authorities[string(leaf.AuthorityKeyId)] = true
		}
		if time.Now().After(deadline) {
			break
		}
		time.Sleep(interval)
	}
	for answer := range answers {
		report.Answers = append(report.Answers, answer)
	}
	report.Serials, report.Authorities = len(serials), len(authorities)
	return json.NewEncoder(os.Stdout).Encode(report)
}

func callOnce(source *workloadapi.X509Source, address, peer string) (string, tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := spiffetls.DialWithMode(ctx, "tcp", address,
		spiffetls.MTLSClientWithSource(tlsconfig.AuthorizeID(spiffeid.RequireFromString(peer)), source))
	if err != nil {
		return "", tls.ConnectionState{}, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(conn, "who am I\n"); err != nil {
		return "", tls.ConnectionState{}, err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return "", tls.ConnectionState{}, err
	}
	stated, ok := conn.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return "", tls.ConnectionState{}, errors.New("the connection does not tell its state")
	}
	return strings.TrimSpace(answer), stated.ConnectionState(), nil
}

// program is a copy of this program under another path: another service to the agent.
func (d *Deployment) program(name string) string {
	path := d.path(name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	need(os.WriteFile(path, must(os.ReadFile(must(os.Executable()))), 0o755))
	return path
}

// register makes a service known to the agent by the path of its program.
func (d *Deployment) register(local *Caller, agentID *types.SPIFFEID, name string) {
	create(local, &types.Entry{SpiffeId: wire("/services/" + name), ParentId: agentID,
		Selectors: selectors("unix:path:" + d.program(name))})
}

// startServing starts a service and returns its address.
func (d *Deployment) startServing(name, peer string) (string, func()) {
	command := exec.Command(d.program(name), "serve", d.workloadURI(), peer)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	output := must(command.StdoutPipe())
	command.Stderr = os.Stderr
	need(command.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	need(err)
	return strings.TrimSpace(line), func() {
		command.Process.Kill()
		command.Wait()
	}
}

func (d *Deployment) callFrom(name, address, peer string, duration, interval time.Duration) (callReport, error) {
	ctx, cancel := context.WithTimeout(context.Background(), duration+60*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, d.program(name), "call", d.workloadURI(), address, peer, duration.String(), interval.String())
	output, err := command.Output()
	report := callReport{}
	if err == nil {
		err = json.Unmarshal(output, &report)
	} else if failed := (&exec.ExitError{}); errors.As(err, &failed) {
		err = errors.New(string(failed.Stderr))
	}
	return report, err
}

// services: spiffetls between two Go services.
func services(c *Checks, d *Deployment) {
	local := d.Local()
	defer local.Close()
	needThat(d.agent != nil, "the agent is not running: name the scenario workload, too")
	for _, name := range []string{"payments", "orders", "intruder"} {
		d.register(local, d.agentID, name)
	}
	payments, orders := id("/services/payments").String(), id("/services/orders").String()
	address, stop := d.startServing("payments", orders)
	defer stop()
	report, err := d.callFrom("orders", address, payments, time.Second, 20*time.Millisecond)
	c.Succeeds("a service calls another", err)
	c.Same("no call fails", report.Failures, nil)
	c.True("each is a call", report.Calls > 10, "more than 10", report.Calls)
	c.Same("the callee knows the caller", report.Answers, []string{"hello " + orders})
	report, err = d.callFrom("intruder", address, payments, 0, time.Second)
	c.Succeeds("another service tries", err)
	c.Equal("another service is refused", len(report.Failures), 1)
	report, err = d.callFrom("orders", address, id("/services/other").String(), 0, time.Second)
	c.Succeeds("a service expects another", err)
	c.Equal("a service that expects another refuses", len(report.Failures), 1)
	output, err := exec.Command(d.program("stranger"), "fetch", d.workloadURI()).CombinedOutput()
	c.True("a service without registration gets no identity", err != nil && strings.Contains(string(output), "no identity issued"),
		"no identity issued", string(output))
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err == nil {
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		io.WriteString(conn, "hello\n")
		_, err = conn.Read(make([]byte, 1))
		conn.Close()
	}
	timedOut := false
	if timeout, ok := err.(net.Error); ok {
		timedOut = timeout.Timeout()
	}
	c.True("a caller without certificate is refused", err != nil && !timedOut, "an error", err)
}
