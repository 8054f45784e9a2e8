// Command server serves Metrics over the history in the file that it is given. It prints
// its URL and ends with its standard input. It links nothing else: the benchmarks' own
// program has a whole other monitor in it, which would be measured too.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/pongwatch/pongwatch/bench/pages"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want the file of a history, got %q", args)
	}
	s, err := pages.Open(args[0])
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // only read
	f, err := pages.Metrics(s)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: f, ReadHeaderTimeout: time.Minute}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // an error is an end, too
		_ = server.Close()
	}()
	fmt.Println("http://" + listener.Addr().String())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
