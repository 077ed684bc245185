// Read tar archives as engines do, with Go's own reader, and tell what is in them.
//
// On standard input, an archive each: its length, 4 bytes, the highest first, and its bytes. On standard output, a line
// of JSON each: what is wrong with it, or its members.
package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
)

type member struct {
	Name, Target []byte
	Kind         string
	Size, Time   int64
	Digest       string
}

type answer struct {
	Error   string
	Members []member
}

func read(content []byte) (told answer) {
	archive := tar.NewReader(bytes.NewReader(content))
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			return answer{Error: err.Error()}
		}
		digest := sha256.New()
		if _, err = io.Copy(digest, io.LimitReader(archive, 1<<22)); err != nil {
			return answer{Error: err.Error()}
		}
		told.Members = append(told.Members, member{
			Name: []byte(header.Name), Target: []byte(header.Linkname), Kind: string([]byte{header.Typeflag}),
			Size: header.Size, Time: header.ModTime.Unix(), Digest: hex.EncodeToString(digest.Sum(nil)),
		})
	}
}

func main() {
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var length uint32
		if binary.Read(in, binary.BigEndian, &length) != nil {
			return
		}
		content := make([]byte, length)
		if _, err := io.ReadFull(in, content); err != nil {
			return
		}
		out.Encode(read(content))
	}
}
