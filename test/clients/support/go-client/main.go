// Makes calls with Harbor's Go client: reads one a line, {"call": "Project.GetProject", "with": {…}}, writes the
// answer of each as a line.
//
//	harbor-go-client URL USERNAME   (the first line of standard input is the password)
//
// What is in "with" are the fields of the call's parameters, what comes back those of its answer.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/goharbor/go-client/pkg/harbor"
)

type asked struct {
	Call string
	With json.RawMessage
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	lines.Scan()
	clients, err := harbor.NewClientSet(&harbor.ClientSetConfig{
		URL: os.Args[1], Username: os.Args[2], Password: lines.Text(),
	})
	if err != nil {
		panic(err)
	}
	rooms := reflect.ValueOf(clients.V2()).Elem()
	for lines.Scan() {
		var wanted asked
		if err := json.Unmarshal(lines.Bytes(), &wanted); err != nil {
			panic(err)
		}
		answer := map[string]any{}
		if value, err := call(rooms, wanted); err != nil {
			answer["error"] = err.Error()
		} else {
			answer["value"] = value
		}
		text, err := json.Marshal(answer)
		if err != nil {
			panic(err)
		}
		fmt.Println(string(text))
	}
}

func call(rooms reflect.Value, wanted asked) (any, error) {
	room, name, _ := strings.Cut(wanted.Call, ".")
	method := rooms.FieldByName(room).MethodByName(name)
	parameters := reflect.New(method.Type().In(1).Elem())
	if err := json.Unmarshal(wanted.With, parameters.Interface()); err != nil {
		return nil, err
	}
	results := method.Call([]reflect.Value{reflect.ValueOf(context.Background()), parameters})
	err, _ := results[len(results)-1].Interface().(error)
	return results[0].Interface(), err
}
