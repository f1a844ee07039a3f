package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

type transacting struct {
	Do         string
	As         string
	ID         string
	TimeoutMs  int64
	Topic      string
	Partitions int32
	Ms         int64
	Records    [][2]any
}

var producers = map[string]*kgo.Client{}
var reader *kgo.Client

// Transactions: requests in, answers out, a line each.
func transactions(address string) {
	bootstrap = address
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 64<<20)
	for input.Scan() {
		var asked transacting
		if err := json.Unmarshal(input.Bytes(), &asked); err != nil {
			panic(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), secondsMax)
		ok, err := transact(ctx, asked)
		cancel()
		if err == nil {
			say(map[string]any{"ok": ok})
			continue
		}
		var code any
		var known *kerr.Error
		if errors.As(err, &known) {
			code = known.Code
		}
		say(map[string]any{"error": map[string]any{"code": code, "message": err.Error()}})
	}
}

func transact(ctx context.Context, asked transacting) (any, error) {
	producer := producers[asked.As]
	switch asked.Do {
	case "version":
		return answer(ctx, request{Do: "version"})
	case "open":
		producers[asked.As] = client(
			kgo.TransactionalID(asked.ID), kgo.TransactionTimeout(time.Duration(asked.TimeoutMs)*time.Millisecond),
			kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.RequestTimeoutOverhead(5*time.Second),
		)
		_, _, err := producers[asked.As].ProducerID(ctx)
		return nil, err
	case "begin":
		return nil, producer.BeginTransaction()
	case "send":
		records := make([]*kgo.Record, len(asked.Records))
		for index, one := range asked.Records {
			partition, value := int32(one[0].(float64)), []byte(one[1].(string))
			records[index] = &kgo.Record{Topic: asked.Topic, Partition: partition, Value: value}
		}
		if err := producer.ProduceSync(ctx, records...).FirstErr(); err != nil {
			return nil, err
		}
		offsets := make([]int64, len(records))
		for index, one := range records {
			offsets[index] = one.Offset
		}
		return offsets, nil
	case "commit":
		return nil, producer.EndTransaction(ctx, kgo.TryCommit)
	case "abort":
		return nil, producer.EndTransaction(ctx, kgo.TryAbort)
	case "assign":
		if reader != nil {
			reader.Close()
		}
		places := map[int32]kgo.Offset{}
		for partition := range asked.Partitions {
			places[partition] = kgo.NewOffset().AtStart()
		}
		reader = client(
			kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{asked.Topic: places}),
			kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(500*time.Millisecond),
		)
		return nil, nil
	case "poll":
		wait, cancel := context.WithTimeout(ctx, time.Duration(asked.Ms)*time.Millisecond)
		defer cancel()
		polled := [][3]any{}
		for _, one := range reader.PollFetches(wait).Records() {
			polled = append(polled, [3]any{one.Partition, one.Offset, string(one.Value)})
		}
		return polled, nil
	}
	return nil, fmt.Errorf("what is %q", asked.Do)
}
