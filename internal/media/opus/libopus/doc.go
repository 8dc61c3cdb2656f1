// Package libopus is the same codec by the reference library through cgo. It
// exists to check the other one against and is built only with the tag libopus;
// the server never imports it. The rules of package opus hold for goroutines.
package libopus
