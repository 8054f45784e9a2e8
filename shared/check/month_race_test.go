//go:build race

package check_test

// monthDays is how many days stand for a month: under the race detector each of its
// twenty thousand requests takes ten times as long.
const monthDays = 3
