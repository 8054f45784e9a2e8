package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/pongwatch/pongwatch/shared/report/packed"
	"github.com/pongwatch/pongwatch/shared/store"
)

// schema is the number of the documents' format that this version writes.
const schema = 1

// errNewer says that a document was written by a newer version. Appending to it would
// lose what this version cannot read.
var errNewer = errors.New("document of a newer version")

// maxDecoded bounds what a document may expand to.
const maxDecoded = 16 << 20

// compression takes a third of the default level's time for two per cent more bytes.
// Every run compresses its hour anew.
const compression = 4

// pack returns body as gzip over JSON, or [store.ErrTooLarge] for what could not be stored
// or read again.
func pack(body any) ([]byte, error) {
	data, err := packed.Encode(body, compression, maxDecoded)
	if errors.Is(err, packed.ErrTooLarge) {
		return nil, fmt.Errorf("%w: %w", err, store.ErrTooLarge)
	}
	if err == nil && len(data) > store.MaxData {
		return nil, fmt.Errorf("compressing: %d bytes, at most %d fit: %w", len(data), store.MaxData, store.ErrTooLarge)
	}
	return data, err
}

// packFitting packs body. As long as it is too large it drops the largest of its series, which
// dropped names.
func packFitting[S any](body any, series map[string]S) (data []byte, dropped, err error) {
	var names []string
	for {
		data, err = pack(body)
		if !errors.Is(err, store.ErrTooLarge) {
			break
		}
		largest, most := "", 0
		for name, s := range series {
			text, err := json.Marshal(s)
			if err != nil {
				return nil, nil, fmt.Errorf("encoding: %w", err)
			}
			if len(text) > most {
				largest, most = name, len(text)
			}
		}
		if most == 0 {
			return nil, nil, err
		}
		delete(series, largest)
		names = append(names, largest)
	}
	if err == nil && len(names) > 0 {
		dropped = fmt.Errorf("the document would be too large, so what it held of %s was dropped: %w", strings.Join(names, ", "), store.ErrTooLarge)
	}
	return data, dropped, err
}

// unpack reads doc's data into body.
func unpack(doc store.Doc, body any) error {
	if doc.Schema > schema {
		return fmt.Errorf("schema %d, this version reads up to %d: %w", doc.Schema, schema, errNewer)
	}
	return packed.Decode(doc.Data, body, maxDecoded)
}
