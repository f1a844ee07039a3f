// franz-go: requests in, answers out, a line each.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const secondsMax = 30 * time.Second

// Bytes are base64 in JSON, and nil is null: as encoding/json has it by itself.
type record struct {
	Partition   int32    `json:"partition"`
	Offset      int64    `json:"offset"`
	TimestampMs int64    `json:"timestampMs"`
	Key         []byte   `json:"key"`
	Value       []byte   `json:"value"`
	Headers     [][2]any `json:"headers"`
}

type request struct {
	Do         string
	Topic      string
	Partition  int32
	Partitions int32
	Codec      string
	Acks       string
	Idempotent bool
	Records    []struct {
		Partition   int32
		Key         []byte
		Value       []byte
		Headers     [][]json.RawMessage
		TimestampMs int64
	}
	From     json.RawMessage
	At       json.RawMessage
	To       int64
	Configs  map[string]string
	Name     string
	Value    *string
	Total    int
	Before   int64
	Group    string
	Protocol string
}

var bootstrap string
var admin *kadm.Client
var printing sync.Mutex
var leave = func() {}

func say(message any) {
	printing.Lock()
	defer printing.Unlock()
	line, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

func client(options ...kgo.Opt) *kgo.Client {
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(bootstrap)}, options...)...)
	if err != nil {
		panic(err)
	}
	return client
}

func main() {
	if os.Args[1] == "latency" {
		latency(os.Args[2:])
		return
	}
	if os.Args[1] == "transactions" {
		transactions(os.Args[2])
		return
	}
	bootstrap = os.Args[1]
	admin = kadm.NewClient(client())
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 64<<20)
	for input.Scan() {
		var asked request
		if err := json.Unmarshal(input.Bytes(), &asked); err != nil {
			panic(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), secondsMax)
		ok, err := answer(ctx, asked)
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
	leave()
}

func answer(ctx context.Context, asked request) (any, error) {
	topic, group := asked.Topic, asked.Group
	switch asked.Do {
	case "version":
		info, _ := debug.ReadBuildInfo()
		for _, module := range info.Deps {
			if module.Path == "github.com/twmb/franz-go" {
				return module.Version, nil
			}
		}
		return "unknown", nil
	case "produce":
		return produce(ctx, asked)
	case "read":
		return read(ctx, asked)
	case "offsetAt":
		offset, err := offsetAt(ctx, topic, asked.Partition, asked.At)
		if err != nil || offset < 0 {
			return nil, err
		}
		return offset, nil
	case "join":
		join(asked)
		return nil, nil
	case "createTopic":
		configs := map[string]*string{}
		for name, value := range asked.Configs {
			configs[name] = &value
		}
		_, err := admin.CreateTopic(ctx, asked.Partitions, 1, configs, topic)
		return nil, err
	case "partitionsOf":
		topics, err := admin.ListTopics(ctx, topic)
		if err != nil {
			return nil, err
		}
		return len(topics[topic].Partitions), topics[topic].Err
	case "configOf":
		configs, err := admin.DescribeTopicConfigs(ctx, topic)
		if err != nil {
			return nil, err
		}
		for _, config := range configs[0].Configs {
			if config.Key == asked.Name {
				return config.MaybeValue(), configs[0].Err
			}
		}
		return nil, configs[0].Err
	case "setConfig":
		change := kadm.AlterConfig{Op: kadm.SetConfig, Name: asked.Name, Value: asked.Value}
		if asked.Value == nil {
			change.Op = kadm.DeleteConfig
		}
		answers, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{change}, topic)
		if err != nil {
			return nil, err
		}
		return nil, answers[0].Err
	case "addPartitions":
		answers, err := admin.UpdatePartitions(ctx, asked.Total, topic)
		if err != nil {
			return nil, err
		}
		return nil, answers[topic].Err
	case "deleteRecords":
		offsets := kadm.Offsets{}
		offsets.AddOffset(topic, asked.Partition, asked.Before, -1)
		answers, err := admin.DeleteRecords(ctx, offsets)
		if err != nil {
			return nil, err
		}
		return nil, answers[topic][asked.Partition].Err
	case "deleteTopic":
		_, err := admin.DeleteTopic(ctx, topic)
		return nil, err
	case "committed":
		offsets, err := admin.FetchOffsets(ctx, group)
		if err != nil {
			return nil, err
		}
		committed := make([]*int64, asked.Partitions)
		offsets.Each(func(told kadm.OffsetResponse) {
			if told.Topic == topic && told.At >= 0 {
				committed[told.Partition] = &told.At
			}
		})
		return committed, nil
	case "groupState":
		groups, err := admin.ListGroups(ctx)
		if err != nil {
			return nil, err
		}
		return groups[group].State, nil
	case "listGroups":
		groups, err := admin.ListGroups(ctx)
		return groups.Groups(), err
	case "deleteGroup":
		_, err := admin.DeleteGroup(ctx, group)
		return nil, err
	}
	return nil, fmt.Errorf("what is %q", asked.Do)
}

func produce(ctx context.Context, asked request) (any, error) {
	codec := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}[asked.Codec]
	acks := map[string]kgo.Acks{"all": kgo.AllISRAcks(), "1": kgo.LeaderAck(), "0": kgo.NoAck()}[asked.Acks]
	options := []kgo.Opt{
		kgo.ProducerBatchCompression(codec), kgo.RequiredAcks(acks), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(20 * time.Millisecond), kgo.UnknownTopicRetries(1),
	}
	if asked.Idempotent {
		// As large as Java's: what is cut off between them, tells.
		options = append(options, kgo.ProducerBatchMaxBytes(16_384))
	} else {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	producer := client(options...)
	defer producer.Close()
	records := make([]*kgo.Record, len(asked.Records))
	for index, one := range asked.Records {
		headers := make([]kgo.RecordHeader, len(one.Headers))
		for at, header := range one.Headers {
			if err := json.Unmarshal(header[0], &headers[at].Key); err != nil {
				return nil, err
			}
			if err := json.Unmarshal(header[1], &headers[at].Value); err != nil {
				return nil, err
			}
		}
		records[index] = &kgo.Record{
			Topic: asked.Topic, Partition: one.Partition, Key: one.Key, Value: one.Value, Headers: headers,
			Timestamp: time.UnixMilli(one.TimestampMs),
		}
	}
	if err := producer.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return nil, err
	}
	offsets := make([]*int64, len(records))
	for index, one := range records {
		if asked.Acks != "0" {
			offsets[index] = &one.Offset
		}
	}
	return offsets, nil
}

func read(ctx context.Context, asked request) (any, error) {
	offset, err := offsetAt(ctx, asked.Topic, asked.Partition, asked.From)
	if err != nil {
		return nil, err
	}
	place := map[string]map[int32]kgo.Offset{asked.Topic: {asked.Partition: kgo.NewOffset().At(offset)}}
	consumer := client(kgo.ConsumePartitions(place), kgo.FetchMaxWait(500*time.Millisecond))
	defer consumer.Close()
	records := []record{}
	for {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("%d records, and then %w", len(records), err)
		}
		for _, one := range fetches.Records() {
			if one.Offset < asked.To {
				headers := make([][2]any, len(one.Headers))
				for index, header := range one.Headers {
					headers[index] = [2]any{header.Key, header.Value}
				}
				records = append(records, record{
					Offset: one.Offset, TimestampMs: one.Timestamp.UnixMilli(), Key: one.Key, Value: one.Value, Headers: headers,
				})
			}
			if one.Offset >= asked.To-1 {
				return records, nil
			}
		}
	}
}

func offsetAt(ctx context.Context, topic string, partition int32, at json.RawMessage) (int64, error) {
	var place struct{ Offset, TimeMs *int64 }
	list := admin.ListEndOffsets
	if at[0] != '"' {
		if err := json.Unmarshal(at, &place); err != nil {
			return 0, err
		}
		if place.Offset != nil {
			return *place.Offset, nil
		}
		list = func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
			return admin.ListOffsetsAfterMilli(ctx, *place.TimeMs, topics...)
		}
	} else if string(at) == `"earliest"` {
		list = admin.ListStartOffsets
	}
	offsets, err := list(ctx, topic)
	if err != nil {
		return 0, err
	}
	told, _ := offsets.Lookup(topic, partition)
	// After the last record, kadm answers the end, with a time of -1.
	if place.TimeMs != nil && told.Timestamp == -1 {
		return -1, told.Err
	}
	return told.Offset, told.Err
}

func join(asked request) {
	options := []kgo.Opt{
		kgo.ConsumerGroup(asked.Group), kgo.ConsumeTopics(asked.Topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(500 * time.Millisecond),
		kgo.SessionTimeout(6 * time.Second), kgo.HeartbeatInterval(500 * time.Millisecond),
	}
	var lock sync.Mutex
	held := []int32{}
	change := func(apply func(partition int32)) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			lock.Lock()
			defer lock.Unlock()
			for _, partition := range partitions[asked.Topic] {
				apply(partition)
			}
			slices.Sort(held)
			say(map[string]any{"event": map[string]any{"partitions": held}})
		}
	}
	gone := change(func(partition int32) {
		held = slices.DeleteFunc(held, func(one int32) bool { return one == partition })
	})
	options = append(options,
		kgo.OnPartitionsAssigned(change(func(partition int32) { held = append(held, partition) })),
		kgo.OnPartitionsRevoked(gone), kgo.OnPartitionsLost(gone))
	if asked.Protocol == "consumer" {
		options = append(options, kgo.ServerSideBalancer(), kgo.Balancers(kgo.RangeBalancer()))
	}
	consumer := client(options...)
	ctx := context.Background()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			fetches := consumer.PollRecords(ctx, 1)
			if fetches.IsClientClosed() {
				return
			}
			for _, one := range fetches.Records() {
				say(map[string]any{"event": map[string]any{"value": string(one.Value)}})
				// Moved away meanwhile: who has it now reads it again.
				_ = consumer.CommitRecords(ctx, one)
			}
		}
	}()
	leave = func() {
		consumer.Close()
		<-ended
	}
}
