package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const recordBytes = 200

// How long a record takes from its producer to its consumer, at a steady rate, when each is sent at once:
// franz latency BOOTSTRAP TOPIC RECORDS_A_SECOND SECONDS. The first second counts for nothing.
func latency(arguments []string) {
	bootstrap = arguments[0]
	topic := arguments[1]
	rate, _ := strconv.Atoi(arguments[2])
	seconds, _ := strconv.Atoi(arguments[3])
	total := rate * seconds
	consumer := client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()))
	producer := client(kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(0), kgo.RequiredAcks(kgo.AllISRAcks()))
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(seconds+60)*time.Second)
	defer cancel()
	warm(ctx, consumer, producer)

	begun := time.Now()
	go func() {
		for sent := 0; sent < total; {
			due := int(time.Since(begun).Seconds() * float64(rate))
			for ; sent < min(due, total); sent++ {
				producer.Produce(ctx, &kgo.Record{Value: stamped()}, nil)
			}
			time.Sleep(time.Millisecond / 2)
		}
	}()
	took := make([]float64, 0, total)
	for read := 0; read < total; {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			fmt.Fprintf(os.Stderr, "%d of %d records, and then: %v\n", read, total, err)
			os.Exit(1)
		}
		now := time.Now().UnixNano()
		for _, one := range fetches.Records() {
			read++
			if read > rate {
				took = append(took, float64(now-int64(binary.BigEndian.Uint64(one.Value)))/1e6)
			}
		}
	}
	slices.Sort(took)
	at := func(share float64) float64 { return took[int(share*float64(len(took)-1))] }
	line, _ := json.Marshal(map[string]float64{"p50Ms": at(0.5), "p99Ms": at(0.99), "p999Ms": at(0.999)})
	fmt.Println(string(line))
}

// Until a record comes through: the consumer has its place at the end.
func warm(ctx context.Context, consumer, producer *kgo.Client) {
	for {
		producer.ProduceSync(ctx, &kgo.Record{Value: stamped()})
		short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		records := consumer.PollFetches(short).NumRecords()
		cancel()
		if records > 0 || ctx.Err() != nil {
			break
		}
	}
	// What is still on its way.
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for short.Err() == nil {
		consumer.PollFetches(short)
	}
}

func stamped() []byte {
	value := make([]byte, recordBytes)
	binary.BigEndian.PutUint64(value, uint64(time.Now().UnixNano()))
	return value
}
