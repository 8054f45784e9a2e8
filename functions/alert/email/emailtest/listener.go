package emailtest

import (
	"net"
	"sync"
)

// listener remembers what it accepted, so that the connections can be ended from
// outside. The library's own Close would look at a connection that a session is just
// replacing by its TLS one, without a lock.
type listener struct {
	net.Listener

	mu    sync.Mutex
	conns []net.Conn
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, conn)
	return conn, nil
}

// hangUp closes every connection that was accepted. Closing one twice does no harm.
func (l *listener) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		_ = conn.Close()
	}
	l.conns = nil
}
