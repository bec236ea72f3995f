import TestSupport
import Testing

/// `baton demo` as somebody tries it who has only the program.
@Suite struct DemoElsewhereTests {
    @Test(
        "runs outside the repository, in a temporary folder of any name, and its file leads there",
        .timeLimit(.minutes(5)))
    func elsewhere() async throws {
        let run = try await BatonProgram.run(
            #"""
            parent=$(mktemp -d "/tmp/it's XXXXXX"); chmod 755 "$parent"; cd "$parent"
            TMPDIR=$parent $BATON demo --rows 5 --replicas 1 > "$parent/log" 2>&1 & pid=$!
            until file=$(find "$parent" -name demo.env) && [ -n "$file" ]; do
                kill -0 $pid || { cat "$parent/log"; exit 9; }
                sleep 0.2
            done
            (. "$file"; cd /; tries=0; until $BATON status || [ $tries -ge 60 ]; do sleep 0.5; tries=$((tries + 1)); done)
            kill -INT $pid; wait $pid; status=$?
            # What is left is removed as soon as the program has ended.
            rm "$parent/log"; tries=0
            until rmdir "$parent" || [ $tries -ge 100 ]; do sleep 0.1; tries=$((tries + 1)); done
            [ -e "$parent" ] || echo clean; exit $status
            """#, in: try ConfigurationFixture("", datasets: nil))
        #expect(run.status == 0, "\(run)")
        #expect(run.output.contains("leader") && run.output.hasSuffix("clean\n"), "\(run)")
    }
}
