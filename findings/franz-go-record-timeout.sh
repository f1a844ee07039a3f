#!/usr/bin/env bash
# franz-go 1.22.3's RecordDeliveryTimeout, "roughly equivalent to delivery.timeout.ms", counts from a record's own timestamp, and
# not from when the record was given to the producer. A record whose timestamp is older than the timeout (a backfill, a mirror, an
# event that tells when it happened) fails at once with "records have timed out before they were able to be produced", though its broker is
# there and idle. It takes the other records of its partition along.
# It hurts whoever copies a topic with its times, and has set a timeout. Java's delivery.timeout.ms, librdkafka's message.timeout.ms and
# kafka-python's delivery_timeout_ms all count from the call. The broker here is franz-go's own, of pkg/kfake.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	if err != nil {
		panic(err)
	}
	defer cluster.Close()
	for _, age := range []time.Duration{0, 10 * time.Second, time.Hour} {
		for _, timeout := range []time.Duration{0, 30 * time.Second} {
			options := []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic("t")}
			if timeout > 0 {
				options = append(options, kgo.RecordDeliveryTimeout(timeout))
			}
			client, err := kgo.NewClient(options...)
			if err != nil {
				panic(err)
			}
			record := &kgo.Record{Value: []byte("v"), Timestamp: time.Now().Add(-age)}
			err = client.ProduceSync(context.Background(), record).FirstErr()
			fmt.Printf("timestamp %v ago, timeout %v: %v\n", age, timeout, err)
			client.Close()
		}
	}
}
GO
go mod init finding 2> /dev/null
go get github.com/twmb/franz-go@v1.22.3 github.com/twmb/franz-go/pkg/kfake@v0.0.0-20260918054303-01f206a7e32c 2>&1 | grep franz-go
go run . | tee seen
diff seen - <<'WANTED' && echo 'as it was seen'
timestamp 0s ago, timeout 0s: <nil>
timestamp 0s ago, timeout 30s: <nil>
timestamp 10s ago, timeout 0s: <nil>
timestamp 10s ago, timeout 30s: <nil>
timestamp 1h0m0s ago, timeout 0s: <nil>
timestamp 1h0m0s ago, timeout 30s: records have timed out before they were able to be produced
WANTED
