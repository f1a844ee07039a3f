#!/usr/bin/env bash
# Apache Kafka 4.4.0 gives a topic an id when CreateTopics is only asked to validate: Java's Admin with validateOnly(true) resolves topicId() to a
# UUID as if there were a topic, and to another one at each call. There is none of that id, then or later: the topic that is created afterwards
# gets a new one, and describeTopics by the id of the dry run fails with UnknownTopicIdException. It hurts whoever writes down what a dry run
# tells, as tools that plan changes do, and compares it with what was made. The number of partitions and the configs in the same answer are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${server:-}" 2> /dev/null || true; wait 2> /dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

echo "<project><modelVersion>4.0.0</modelVersion><groupId>t</groupId><artifactId>t</artifactId><version>1</version><dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.4.0</version></dependency></dependencies></project>" > pom.xml
mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies -DoutputDirectory=jars -DincludeScope=runtime > /dev/null

cat > DryRun.java <<'JAVA'
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.common.*;

public class DryRun {
    static Uuid create(Admin admin, boolean validateOnly) throws Exception {
        var topics = List.of(new NewTopic("tides", 2, (short) 1));
        return admin.createTopics(topics, new CreateTopicsOptions().validateOnly(validateOnly)).topicId("tides").get();
    }

    public static void main(String[] args) throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", args[0], "default.api.timeout.ms", 60000);
        try (Admin admin = Admin.create(settings)) {
            Uuid first = create(admin, true);
            Uuid second = create(admin, true);
            Uuid made = create(admin, false);
            System.out.println("ids of two dry runs are the same: " + first.equals(second));
            System.out.println("the topic has the id of one of them: " + (made.equals(first) || made.equals(second)));
            Thread.sleep(1000);
            for (Uuid id : List.of(first, made)) {
                try {
                    var ids = TopicCollection.ofTopicIds(List.of(id));
                    System.out.println("described: " + admin.describeTopics(ids).allTopicIds().get().get(id).name());
                } catch (Exception error) {
                    System.out.println("described: " + error.getCause().getClass().getSimpleName());
                }
            }
        }
    }
}
JAVA

port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
broker=127.0.0.1:$(port)
controller=127.0.0.1:$(port)
cat > server.properties <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@$controller
listeners=PLAINTEXT://$broker,CONTROLLER://$controller
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$folder/data
offsets.topic.replication.factor=1
PROPERTIES
java -cp 'jars/*' kafka.tools.StorageTool format -t AAAAAAAAAAAAAAAAAAAAAQ -c server.properties > /dev/null 2>&1
java -Xmx512m -cp 'jars/*' kafka.Kafka server.properties > server.log 2>&1 &
server=$!
echo 'Apache Kafka 4.4.0, Java client 4.4.0'
java -cp 'jars/*' DryRun.java "$broker" 2> /dev/null | tee seen
diff seen - <<'WANTED' && echo 'as it was seen'
ids of two dry runs are the same: false
the topic has the id of one of them: false
described: UnknownTopicIdException
described: tides
WANTED
