//go:build !race

package check_test

// monthDays is how many days stand for a month: all.
const monthDays = 30
