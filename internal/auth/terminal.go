package auth

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// ReadPassword reads a new password for the command line. From a terminal it
// asks twice, on prompt, and shows nothing that is typed; from anything else, a
// file or a pipe, it reads one line.
func ReadPassword(in *os.File, prompt io.Writer) (string, error) {
	if !term.IsTerminal(int(in.Fd())) {
		return readLine(in)
	}
	first, err := ask(in, prompt, "Password: ")
	if err != nil {
		return "", err
	}
	second, err := ask(in, prompt, "Again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the two passwords differ")
	}
	return first, nil
}

func ask(in *os.File, prompt io.Writer, question string) (string, error) {
	fmt.Fprint(prompt, question)
	line, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(prompt)
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	return string(line), nil
}

// readLine reads one line, without what ends it.
func readLine(in io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, MaxPasswordBytes+2)).ReadString('\n')
	if err != nil && (!errors.Is(err, io.EOF) || line == "") {
		return "", fmt.Errorf("read password: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), nil
}
