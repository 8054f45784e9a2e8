package cloudrun

// PointAt makes a client with real credentials ask a server of a test.
func PointAt(c *Client, base string) { c.base = base }
