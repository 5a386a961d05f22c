package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Checks counts what held and what did not, and prints a line for each.
type Checks struct {
	mutex  sync.Mutex
	passed int
	failed []string
	prefix string
	parent *Checks
}

// In is the same count under a longer name.
func (c *Checks) In(name string) *Checks {
	return &Checks{prefix: c.prefix + name + "/", parent: c.root()}
}

func (c *Checks) root() *Checks {
	if c.parent != nil {
		return c.parent
	}
	return c
}

func (c *Checks) report(name string, ok bool, expected, got string) bool {
	root := c.root()
	root.mutex.Lock()
	defer root.mutex.Unlock()
	name = c.prefix + name
	if ok {
		root.passed++
		fmt.Printf("ok %s\n", name)
		return true
	}
	line := fmt.Sprintf("FAIL %s: expected %s got %s", name, oneLine(expected), oneLine(got))
	root.failed = append(root.failed, line)
	fmt.Println(line)
	return false
}

// True expects a condition; expected and got say what it was about.
func (c *Checks) True(name string, ok bool, expected string, got any) bool {
	return c.report(name, ok, expected, show(got))
}

// Equal expects two equal values; protobuf messages are compared as messages.
func (c *Checks) Equal(name string, got, want any) bool {
	if a, ok := got.(proto.Message); ok {
		if b, ok := want.(proto.Message); ok {
			return c.report(name, proto.Equal(a, b), show(want), show(got))
		}
	}
	return c.report(name, reflect.DeepEqual(got, want), show(want), show(got))
}

// Same expects the same strings, whatever their order.
func (c *Checks) Same(name string, got, want []string) bool {
	a, b := append([]string{}, got...), append([]string{}, want...)
	sort.Strings(a)
	sort.Strings(b)
	return c.report(name, strings.Join(a, "\n") == strings.Join(b, "\n"), show(b), show(a))
}

// Succeeds expects no error.
func (c *Checks) Succeeds(name string, err error) bool {
	return c.report(name, err == nil, "success", showError(err))
}

// Refused expects a status code, and words in its message where they matter to users or agents.
func (c *Checks) Refused(name string, err error, code codes.Code, words ...string) bool {
	message := status.Convert(err).Message()
	ok := err != nil && status.Code(err) == code
	for _, word := range words {
		ok = ok && strings.Contains(message, word)
	}
	return c.report(name, ok, expectation(code, words), showError(err))
}

// Item expects the status of one item of a batch.
func (c *Checks) Item(name string, got *types.Status, code codes.Code, words ...string) bool {
	ok := got != nil && codes.Code(got.Code) == code
	for _, word := range words {
		ok = ok && strings.Contains(got.GetMessage(), word)
	}
	return c.report(name, ok, expectation(code, words), fmt.Sprintf("%s %q", codes.Code(got.GetCode()), got.GetMessage()))
}

// Denied expects PERMISSION_DENIED with SPIRE's reason in the details; no reason expects no details.
func (c *Checks) Denied(name string, err error, reason types.PermissionDeniedDetails_Reason) bool {
	got := reasonOf(err)
	want := fmt.Sprintf("PermissionDenied with reason %s", reason)
	return c.report(name, status.Code(err) == codes.PermissionDenied && got == reason,
		want, fmt.Sprintf("%s with reason %s", showError(err), got))
}

func reasonOf(err error) types.PermissionDeniedDetails_Reason {
	for _, detail := range status.Convert(err).Details() {
		if denied, ok := detail.(*types.PermissionDeniedDetails); ok {
			return denied.Reason
		}
	}
	return types.PermissionDeniedDetails_UNKNOWN
}

// Within expects something to come true before the time is over.
func (c *Checks) Within(name string, limit time.Duration, what func() error) bool {
	deadline := time.Now().Add(limit)
	for {
		err := what()
		if err == nil {
			return c.report(name, true, "", "")
		}
		if time.Now().After(deadline) {
			return c.report(name, false, fmt.Sprintf("success within %s", limit), showError(err))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Summary prints the failures again and the counts, and returns the exit code.
func (c *Checks) Summary() int {
	if len(c.failed) > 0 {
		fmt.Println("\nWhat failed:")
		for _, line := range c.failed {
			fmt.Println("  " + line)
		}
	}
	fmt.Printf("\n%d passed, %d failed\n", c.passed, len(c.failed))
	if len(c.failed) > 0 || c.passed == 0 {
		return 1
	}
	return 0
}

// Scenario runs checks that build on each other; one that cannot go on fails as a whole.
func (c *Checks) Scenario(name string, only []string, body func(*Checks)) {
	if len(only) > 0 {
		wanted := false
		for _, prefix := range only {
			wanted = wanted || strings.HasPrefix(name, prefix)
		}
		if !wanted {
			return
		}
	}
	started := time.Now()
	in := c.In(name)
	defer func() {
		if problem := recover(); problem != nil {
			stop, ok := problem.(cannotGoOn)
			if !ok {
				panic(problem)
			}
			in.report("scenario", false, "to run to its end", stop.reason)
		}
		fmt.Fprintf(os.Stderr, "# %s: %.1f s\n", name, time.Since(started).Seconds())
	}()
	body(in)
}

type cannotGoOn struct{ reason string }

// must returns the value, or ends the scenario.
func must[Value any](value Value, err error) Value {
	need(err)
	return value
}

func need(err error) {
	if err != nil {
		panic(cannotGoOn{showError(err)})
	}
}

func needThat(ok bool, reason string) {
	if !ok {
		need(errors.New(reason))
	}
}

func expectation(code codes.Code, words []string) string {
	if strings.Join(words, "") == "" {
		return code.String()
	}
	return fmt.Sprintf("%s with %q", code, words)
}

func showError(err error) string {
	if err == nil {
		return "success"
	}
	if s, ok := status.FromError(err); ok {
		return fmt.Sprintf("%s %q", s.Code(), s.Message())
	}
	return fmt.Sprintf("error %q", err.Error())
}

func show(value any) string {
	switch value := value.(type) {
	case error:
		return showError(value)
	case string:
		return fmt.Sprintf("%q", value)
	case proto.Message:
		return fmt.Sprintf("{%v}", value)
	}
	return fmt.Sprintf("%v", value)
}

func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 600 {
		text = text[:600] + "…"
	}
	return text
}
