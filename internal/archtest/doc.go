// Package archtest holds the tests of the rules that span the whole repository:
// which package may import which, what may reach the deployed function, and
// what every tracked file must or must not contain. It has no code of its own.
//
// The rules are data at the top of each test; a failure says what is wanted.
package archtest
