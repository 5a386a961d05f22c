package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

// Rate is how often something was answered in a stretch of time.
type Rate struct {
	Requests int64   `json:"requests"`
	Seconds  float64 `json:"seconds"`
}

// rate has workers ask over and over, and counts what is answered after the warm-up.
func rate(options *Options, ask func(context.Context) error) Rate {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var answered atomic.Int64
	var failure atomic.Pointer[error]
	var workers sync.WaitGroup
	for range options.workers {
		workers.Go(func() {
			for ctx.Err() == nil {
				call, done := context.WithTimeout(ctx, 10*time.Second)
				err := ask(call)
				done()
				if err == nil {
					answered.Add(1)
				} else if ctx.Err() == nil {
					failure.CompareAndSwap(nil, &err)
					cancel()
				}
			}
		})
	}
	wait := func(duration time.Duration) {
		select {
		case <-ctx.Done():
		case <-time.After(duration):
		}
	}
	wait(seconds(options.warmUp))
	before, start := answered.Load(), time.Now()
	wait(seconds(options.seconds))
	result := Rate{Requests: answered.Load() - before, Seconds: time.Since(start).Seconds()}
	cancel()
	workers.Wait()
	if err := failure.Load(); err != nil {
		need(*err)
	}
	return result
}

func (o *Options) workloadAddress() workloadapi.ClientOption {
	return workloadapi.WithAddr("unix://" + o.workloadSocket)
}

func fetchX509OnOneConnection(options *Options) any {
	client := must(workloadapi.New(context.Background(), options.workloadAddress()))
	defer client.Close()
	return rate(options, func(ctx context.Context) error {
		_, err := client.FetchX509SVID(ctx)
		return err
	})
}

func fetchX509OnFreshConnections(options *Options) any {
	return rate(options, func(ctx context.Context) error {
		_, err := workloadapi.FetchX509SVID(ctx, options.workloadAddress())
		return err
	})
}

func fetchJWTForNewAudiences(options *Options) any {
	client := must(workloadapi.New(context.Background(), options.workloadAddress()))
	defer client.Close()
	var audience atomic.Int64
	return rate(options, func(ctx context.Context) error {
		_, err := client.FetchJWTSVID(ctx, jwtsvid.Params{Audience: fmt.Sprintf("audience-%d", audience.Add(1))})
		return err
	})
}
