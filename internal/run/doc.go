// Package run holds a run as data: what was set up, what was recorded, what was
// found.
//
// A [Setup] says everything that is decided before a recording is made. A
// [Recording] is what happened when it was made: the evidence. A [Run] is the
// document that is stored as run.json: the findings and figures that follow from the
// evidence. Setups and recordings are stored too ([ReadRecording]), so that a
// run can be judged again by whoever has its directory.
//
// The package is a leaf. It starts nothing, sends nothing and judges nothing, and it
// links no database driver, no container engine and no os/exec. Package record makes
// recordings, package experiment judges them, package report draws runs.
package run
