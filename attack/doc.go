// Package attack holds tests that attack the program from outside, as its clients, its
// files, its disk and whoever kills it can: the binary as it is built, real processes, real
// sockets. docs/reliability.md says what is promised and shows what came of it.
//
// `go test ./attack` tries each attack a few times. `make attack` (-attack.long) does so for
// minutes and writes the table into the document. Every choice follows from -attack.seed.
//
// What is sent and read lies in testdata: a file each in requests, and in files by what a
// reader should do with it. To add one, add a file.
package attack
