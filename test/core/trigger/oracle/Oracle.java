import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import software.amazon.event.ruler.Machine;

/** Asks event-ruler: a line of input is {"pattern": text, "event": text}, a line of output true, false or its refusal. */
public class Oracle {
    public static void main(String[] arguments) throws Exception {
        ObjectMapper mapper = new ObjectMapper();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream output = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            JsonNode asked = mapper.readTree(line);
            output.println(answer(asked.get("pattern").asText(), asked.get("event").asText()));
        }
        output.flush();
    }

    private static String answer(String pattern, String event) {
        Machine machine = new Machine();
        try {
            machine.addRule("rule", pattern);
        } catch (Throwable refusal) {
            return "refused: " + String.valueOf(refusal.getMessage()).split("\n")[0];
        }
        try {
            return String.valueOf(!machine.rulesForJSONEvent(event).isEmpty());
        } catch (Throwable failure) {
            return "unreadable: " + String.valueOf(failure.getMessage()).split("\n")[0];
        }
    }
}
