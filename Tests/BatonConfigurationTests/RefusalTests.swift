import CacheRefresh
import TestSupport
import Testing

@testable import BatonConfiguration

/// A piece of configuration and the lines that refuse it.
struct Refusal: Sendable, CustomTestStringConvertible {
    let name: String
    var main = ConfigurationFixture.plain
    var datasets = ConfigurationFixture.plainDatasets
    var environment: [String: String] = [:]
    let lines: [String]

    var testDescription: String { name }

    /// Lines 4 and following of `baton.yaml`.
    static func main(_ name: String, _ text: String, _ lines: String...) -> Refusal {
        Refusal(name: name, main: ConfigurationFixture.plain + text, lines: lines)
    }

    /// The whole of `baton.yaml`.
    static func whole(_ name: String, _ text: String, _ lines: String...) -> Refusal {
        Refusal(name: name, main: text, lines: lines)
    }

    /// Lines 3 and following of `datasets.yaml`, indented already.
    static func datasets(_ name: String, _ text: String, _ lines: String...) -> Refusal {
        Refusal(name: name, datasets: "version: 1\ndatasets:\n" + text, lines: lines)
    }

    /// What stands in the braces of the dataset `a` in line 3 of `datasets.yaml`, from column 8 on.
    static func dataset(_ name: String, _ text: String, _ lines: String...) -> Refusal {
        Refusal(name: name, datasets: "version: 1\ndatasets:\n  a: { \(text) }\n", lines: lines)
    }

    static func environment(_ name: String, _ environment: [String: String], _ lines: String...) -> Refusal {
        Refusal(name: name, environment: environment, lines: lines)
    }
}

@Suite("Refusals")
struct RefusalTests {
    @Test("say where, what and what to do", arguments: all)
    func refused(_ refusal: Refusal) throws {
        let fixture = try ConfigurationFixture(refusal.main, datasets: refusal.datasets)
        #expect(fixture.refusals(refusal.environment) == refusal.lines)
    }

    static let all = files + values + names + blocks + combinations + contradictions + datasets + variables

    /// Settings of a dataset that are right one by one.
    static let contradictions: [Refusal] = [
        .dataset(
            "a TTL that a tick may miss", "table: a, key: \"a:{id}\", every: 6s, ttl: 3s",
            "datasets.yaml:3:49: datasets.a.ttl: `ttl: 3s` (datasets.yaml:3:49) is shorter than three times `every: 6s` (datasets.yaml:3:40): keys could expire before they are renewed. Raise `ttl` to at least `18s`, or lower `every`."
        ),
        .dataset(
            "a TTL that the default tick may miss", "table: a, key: \"a:{id}\", ttl: 2s",
            "datasets.yaml:3:38: datasets.a.ttl: `ttl: 2s` (datasets.yaml:3:38) is shorter than three times `every: 1s` (the default): keys could expire before they are renewed. Raise `ttl` to at least `3s`, or lower `every`."
        ),
        Refusal(
            name: "a TTL of the defaults that a dataset's tick may miss",
            datasets: "version: 1\ndefaults: { ttl: 1m }\ndatasets:\n  a: { table: a, key: \"a:{id}\", every: 30s }\n",
            lines: [
                "datasets.yaml:4:40: datasets.a.every: `ttl: 1m` (datasets.yaml:2:18) is shorter than three times `every: 30s` (datasets.yaml:4:40): keys could expire before they are renewed. Raise `ttl` to at least `1m30s`, or lower `every`."
            ]),
        Refusal(
            name: "defaults that contradict each other, told once",
            datasets:
                "version: 1\ndefaults: { every: 10s, ttl: 20s }\ndatasets:\n  a: { table: a, key: \"a:{id}\" }\n  b: { table: b, key: \"b:{id}\" }\n",
            lines: [
                "datasets.yaml:2:30: defaults.ttl: `ttl: 20s` (datasets.yaml:2:30) is shorter than three times `every: 10s` (datasets.yaml:2:20): keys could expire before they are renewed. Raise `ttl` to at least `30s`, or lower `every`."
            ]),
        Refusal(
            name: "a variable that contradicts the file",
            datasets: "version: 1\ndatasets:\n  a: { table: a, key: \"a:{id}\", ttl: 1m }\n",
            environment: ["BATON_DATASETS_A_EVERY": "1m"],
            lines: [
                "datasets.yaml:3:38: datasets.a.ttl: `ttl: 1m` (datasets.yaml:3:38) is shorter than three times `every: 1m` (BATON_DATASETS_A_EVERY): keys could expire before they are renewed. Raise `ttl` to at least `3m`, or lower `every`."
            ]),
        .dataset(
            "a short TTL where Baton sets none", "table: a, key: \"a:{id}\", every: 6s, ttl: 3s, mode: invalidate"),
        .dataset(
            "a brake that nobody can look at", "table: a, key: \"a:{id}\", every: 10m, confirmAfter: 1m",
            "datasets.yaml:3:59: datasets.a.confirmAfter: `confirmAfter: 1m` (datasets.yaml:3:59) is shorter than `every: 10m` (datasets.yaml:3:40): what is held would go with the next pass, before anybody could look. Raise `confirmAfter` to some times `every`, or set it to `0s` if nothing is to be held."
        ),
        .dataset("no brake", "table: a, key: \"a:{id}\", every: 10m, confirmAfter: 0s"),
        .dataset(
            "a late repetition that is early", "table: a, key: \"a:{id}\", mode: existing, repeatAfter: 1m",
            "datasets.yaml:3:62: datasets.a.repeatAfter: `repeatLateAfter: 30s` (the default) is not longer than `repeatAfter: 1m` (datasets.yaml:3:62): the late repetition would come with the early one or before it. Raise `repeatLateAfter`, lower `repeatAfter`, or set one of them to `0s`."
        ),
        .dataset(
            "no late repetition", "table: a, key: \"a:{id}\", mode: existing, repeatAfter: 1m, repeatLateAfter: 0s"),
        .dataset(
            "only what fits, where nothing says what", "table: a, key: \"a:{id}\", changes: filter",
            "datasets.yaml:3:42: datasets.a.changes: `filter` reads only what fits a `filter`, and there is none. Add a `filter`, or remove `changes`."
        ),
        .dataset(
            "settings of which one is no duration", "table: a, key: \"a:{id}\", every: 6, ttl: 3s",
            "datasets.yaml:3:40: datasets.a.every: `6` is not a duration. Write whole numbers with their units: `600ms`, `3s`, `10m`, `24h` or `1h30m`."
        ),
    ]

    static let files: [Refusal] = [
        .whole(
            "a file that is not YAML", "version: 1\nredis: [\n",
            "baton.yaml:3:1: is not YAML: while parsing a flow node, did not find expected node content. Correct the YAML there or just before: indentation, quotes, brackets, tabs."
        ),
        .whole(
            "a tab", "version: 1\nlease:\n\tttl: 3s\n",
            "baton.yaml:3:1: is not YAML: while scanning for the next token, found character that cannot start any token. Correct the YAML there or just before: indentation, quotes, brackets, tabs."
        ),
        .whole(
            "a control character", "version: 1\ngroup: \"\u{1}\"\n",
            "baton.yaml:2:9: is not YAML: control characters are not allowed. Correct the YAML there or just before: indentation, quotes, brackets, tabs."
        ),
        .whole(
            "two documents", "version: 1\n---\nversion: 1\n",
            "baton.yaml:2:1: is not YAML: expected a single document in the stream, but found another document. Correct the YAML there or just before: indentation, quotes, brackets, tabs."
        ),
        .whole(
            "an empty file", "",
            "baton.yaml:1:1: version: is missing. Write it there, such as `version: 1`, or set `BATON_VERSION`.",
            "baton.yaml:1:1: postgres.url: is missing. Write it there, such as `url: postgresql://baton@127.0.0.1:5432/app`, or set `BATON_POSTGRES_URL`.",
            "baton.yaml:1:1: redis: is empty. Write `main: { url: \"redis://127.0.0.1:6379/0\" }`."),
        .main(
            "a datasets file that is not there", "datasets: nowhere.yaml\n",
            "baton.yaml:4:11: datasets: `nowhere.yaml` cannot be read: No such file or directory. Check the path and the permissions of the user that runs baton."
        ),
    ]

    static let values: [Refusal] = [
        .main(
            "several at once, in the order of the lines", "log: { format: xml }\nlease: { redis: min }\ngroup: a b\n",
            "baton.yaml:4:16: log.format: `xml` is none of `json`, `text`. Use one of them.",
            "baton.yaml:5:17: lease.redis: `min` names no server under `redis`. Did you mean `main`?",
            "baton.yaml:6:8: group: `a b` is not a name. Use at most 100 letters, digits, `_` and `-`, beginning with a letter, such as `main`."
        ),
        .main(
            "a duration without a unit", "shutdown: { drain: 4 }\n",
            "baton.yaml:4:20: shutdown.drain: `4` is not a duration. Write whole numbers with their units: `600ms`, `3s`, `10m`, `24h` or `1h30m`."
        ),
        .main(
            "a duration that is too long", "shutdown: { drain: 87601h }\n",
            "baton.yaml:4:20: shutdown.drain: `87601h` is too long. Use at most `87600h`."),
        .main(
            "a list for a value", "group: [a]\n",
            "baton.yaml:4:8: group: must be a single value, but is a list. Write one such as `group: main`."),
        .main(
            "a block for a value", "group: { a: b }\n",
            "baton.yaml:4:8: group: must be a single value, but is a block of keys. Write one such as `group: main`."),
        .main(
            "no value", "group:\n",
            "baton.yaml:4:1: group: has no value. Write one, such as `group: main`, or delete the line."),
        .main(
            "a tag", "group: !vault a\n",
            "baton.yaml:4:8: group: has a YAML tag, which means nothing here. Write the plain value."),
        .main(
            "a prefix with braces", "keyPrefix: \"{a}\"\n",
            "baton.yaml:4:12: keyPrefix: `{a}` has a brace, a space or a control character. Write a prefix such as `staging:`, or \"\" for none."
        ),
        .main(
            "a misspelt level", "log: { level: wanring }\n",
            "baton.yaml:4:15: log.level: `wanring` is none of `trace`, `debug`, `info`, `notice`, `warning`, `error`, `critical`. Did you mean `warning`?"
        ),
        .dataset(
            "a bad percentage", "table: a, key: \"a:{id}\", ttlJitter: 5",
            "datasets.yaml:3:44: datasets.a.ttlJitter: `5` is not a percentage. Write one such as `5%`."),
        .dataset(
            "a jitter out of range", "table: a, key: \"a:{id}\", ttlJitter: 50%",
            "datasets.yaml:3:44: datasets.a.ttlJitter: `50%` is out of range. Use `0%` or more and less than `50%`."),
        .dataset(
            "a short TTL", "table: a, key: \"a:{id}\", ttl: 999ms",
            "datasets.yaml:3:38: datasets.a.ttl: `999ms` is too short. Use at least `1s`."),
        .dataset(
            "no interval", "table: a, key: \"a:{id}\", every: 0s",
            "datasets.yaml:3:40: datasets.a.every: `0s` is too short. Use at least `1ms`."),
        .dataset(
            "a size without a unit", "table: a, key: \"a:{id}\", maxValueBytes: 8000",
            "datasets.yaml:3:48: datasets.a.maxValueBytes: `8000` is not a size. Write a whole number with its unit: `512B`, `64KiB`, `8MiB` or `1GiB`."
        ),
        .dataset(
            "a size out of range", "table: a, key: \"a:{id}\", maxValueBytes: 1GiB",
            "datasets.yaml:3:48: datasets.a.maxValueBytes: `1GiB` is out of range. Use 1B to 512MiB."),
        .dataset(
            "an old truth value", "table: a, key: \"a:{id}\", enabled: no",
            "datasets.yaml:3:42: datasets.a.enabled: `no` is neither true nor false. Write `true` or `false`."),
    ]

    static let names: [Refusal] = [
        .main("an unknown key", "gruop: a\n", "baton.yaml:4:1: gruop: there is no such key. Did you mean `group`?"),
        .main(
            "another spelling", "lease: { renew_every: 1s }\n",
            "baton.yaml:4:10: lease.renew_every: there is no such key. Did you mean `renewEvery`?"),
        .main(
            "a key like no other", "shutdown: { xyzzy: 1s }\n",
            "baton.yaml:4:13: shutdown.xyzzy: there is no such key. Use one of `drain`."),
        .main(
            "a merge key", "lease: { <<: { ttl: 3s } }\n",
            "baton.yaml:4:10: lease: merge keys (`<<`) are not supported. Write the keys out; what datasets share belongs under `defaults`."
        ),
        .main(
            "a forgotten space", "log: { level:info }\n",
            "baton.yaml:4:8: log: a key is not a word. Write `key: value`, with a space after the colon."),
        .main(
            "a key that is a list", "? [a]\n: b\n",
            "baton.yaml:4:3: a key is not a word. Write `key: value`; text that starts with a bracket or a brace needs quotes."
        ),
        .main(
            "a key twice", "group: a\ngroup: b\n", "baton.yaml:5:1: group: is given twice, first in line 4. Keep one."),
        .datasets(
            "datasets and keys twice, all of them",
            """
              a: { table: a, key: "a:{id}" }
              b: { table: b, key: "b:{id}", ttl: 1h, "ttl": 2h }
              a: { table: a, key: "a:{id}" }
              a: { table: a, key: "a:{id}" }

            """,
            "datasets.yaml:4:42: datasets.b.ttl: is given twice, first in line 4. Keep one.",
            "datasets.yaml:5:3: datasets.a: is given twice, first in line 3. Keep one.",
            "datasets.yaml:6:3: datasets.a: is given twice, first in line 3. Keep one."),
        .datasets(
            "a template twice",
            """
              a:
                table: a
                keys:
                  "a:{id}": row
                  "a:{id}": { column: id }

            """,
            "datasets.yaml:7:7: datasets.a.keys: a key is given twice, first in line 6. Keep one."),
        .datasets(
            "a name that is none", "  1a: { table: a, key: \"a:{id}\" }\n  \"a b\": {}\n",
            "datasets.yaml:3:3: datasets: `1a` can't be a name. Use at most 100 letters, digits, `_` and `-`, beginning with a letter.",
            "datasets.yaml:4:3: datasets: this key can't be a name. Use at most 100 letters, digits, `_` and `-`, beginning with a letter."
        ),
        .datasets(
            "two names for one variable",
            "  appUsers: { table: a, key: \"a:{id}\" }\n  app_users: { table: b, key: \"b:{id}\" }\n",
            "datasets.yaml:4:3: datasets.app_users: has the same variables, `BATON_DATASETS_APP_USERS_…`, as `appUsers`. Rename one of the two."
        ),
    ]

    static let blocks: [Refusal] = [
        .main(
            "a value for a block", "lease: 3s\n",
            "baton.yaml:4:8: lease: must be a block of keys, but is a single value. Write `key: value` pairs."),
        .whole(
            "a parameter of libpq's that can't be",
            "version: 1\npostgres: { url: \"postgresql://db/app?sslmode=bogus\" }\n"
                + "redis: { main: { url: redis://h } }\n",
            "baton.yaml:2:18: postgres.url: is no connection string that leads anywhere. A parameter of the PostgreSQL URL can't be: invalid sslmode value: \"bogus\"."
        ),
        .whole(
            "another one, in keywords",
            "version: 1\npostgres: { url: \"host=db target_session_attrs=bogus\" }\n"
                + "redis: { main: { url: redis://h } }\n",
            "baton.yaml:2:18: postgres.url: is no connection string that leads anywhere. A parameter of the PostgreSQL URL can't be: invalid target_session_attrs value: \"bogus\"."
        ),
        .whole(
            "a number of libpq's that is none",
            "version: 1\npostgres: { url: \"postgresql://db/app?connect_timeout=abc\" }\n"
                + "redis: { main: { url: redis://h } }\n",
            "baton.yaml:2:18: postgres.url: is no connection string that leads anywhere. The parameter connect_timeout of the PostgreSQL URL is not a whole number: abc."
        ),
        .whole(
            "parameters of libpq's that can be",
            "version: 1\npostgres: { url: \"postgresql://db,other/app?sslmode=require&connect_timeout=3&gssencmode=disable&target_session_attrs=read-write&sslrootcert=/none\" }\n"
                + "redis: { main: { url: redis://h } }\n"
        ),
        .whole(
            "a list for the whole", "- a\n",
            "baton.yaml:1:1: must be a block of keys, but is a list. Write `key: value` pairs.",
            "baton.yaml:1:1: version: is missing. Write it there, such as `version: 1`, or set `BATON_VERSION`.",
            "baton.yaml:1:1: postgres.url: is missing. Write it there, such as `url: postgresql://baton@127.0.0.1:5432/app`, or set `BATON_POSTGRES_URL`.",
            "baton.yaml:1:1: redis: is empty. Write `main: { url: \"redis://127.0.0.1:6379/0\" }`."),
        .whole(
            "another version", "version: 2\npostgres: { url: \"host=db\" }\nredis: { main: { url: \"redis://a\" } }\n",
            "baton.yaml:1:10: version: `2` is not supported. This baton reads version 1; use a baton that knows the other form."
        ),
        .whole(
            "a URL of something else",
            "version: 1\npostgres: { url: \"mysql://db\" }\nredis: { main: { url: \"http://a\" } }\n",
            "baton.yaml:2:18: postgres.url: is not a PostgreSQL connection string. Write `postgresql://user@host:5432/database` or `host=… dbname=… user=…`.",
            "baton.yaml:3:23: redis.main.url: is not a Redis URL. The scheme of the Redis URL is not known: use redis://, rediss:// (TLS) or unix://."
        ),
        .whole(
            "a port that cannot be",
            "version: 1\npostgres: { url: \"host=a,b port=1,99999\" }\n"
                + "redis: { main: { url: \"redis://a\" } }\n",
            "baton.yaml:2:18: postgres.url: is no connection string that leads anywhere. The port 99999 of the PostgreSQL URL is not a number from 1 to 65535."
        ),
        .whole(
            "a word that libpq does not know",
            "version: 1\npostgres: { url: \"postgresql://db/app?sslmood=require\" }\n"
                + "redis: { main: { url: \"redis://a\" } }\n",
            "baton.yaml:2:18: postgres.url: is no connection string that leads anywhere. The PostgreSQL URL cannot be read (invalid URI query parameter: \"sslmood\"). It looks like postgresql://user@host:5432/database?sslmode=verify-full; special characters in it are written %XX."
        ),
        .whole(
            "numbers of connections",
            "version: 1\npostgres: { url: \"host=db\", connections: 0 }\nredis: { main: { url: \"redis://a\" } }\n",
            "baton.yaml:2:42: postgres.connections: `0` is out of range. Write a whole number from 1 to 100, in plain digits."
        ),
        .whole(
            "an octal number",
            "version: 1\npostgres: { url: \"host=db\", connections: 010 }\nredis: { main: { url: \"redis://a\" } }\n",
            "baton.yaml:2:42: postgres.connections: `010` is not a whole number. Write a whole number from 1 to 100, in plain digits."
        ),
        .whole(
            "a server without a name", "version: 1\npostgres: { url: \"host=db\" }\nredis: { url: \"redis://a\" }\n",
            "baton.yaml:3:15: redis.url: must be a block of keys, but is a single value. Write `main: { url: \"redis://127.0.0.1:6379/0\" }`."
        ),
    ]

    static let combinations: [Refusal] = [
        .main(
            "a lease renewed too rarely", "lease: { renewEvery: 2s }\n",
            "baton.yaml:4:1: lease.ttl: `3s` is shorter than 3 × renewEvery. Raise it to at least `6s`, or lower `renewEvery`."
        ),
        .main(
            "a lease without time to retry", "lease: { ttl: 3s, renewTimeout: 900ms }\n",
            "baton.yaml:4:15: lease.ttl: `3s` leaves no time to repeat a failed renewal. Raise it to at least `3s400ms` (renewEvery + 2 × renewTimeout + margin + 100ms), or lower those."
        ),
        .main(
            "a lease that has another mistake is not judged", "lease: { ttl: 3, renewEvery: 2s }\n",
            "baton.yaml:4:15: lease.ttl: `3` is not a duration. Write whole numbers with their units: `600ms`, `3s`, `10m`, `24h` or `1h30m`."
        ),
        .whole(
            "TLS files without TLS",
            "version: 1\npostgres: { url: \"host=db\" }\nredis: { main: { url: \"redis://a\", serverName: a } }\n",
            "baton.yaml:3:48: redis.main.serverName: has no effect without TLS. Make the URL begin with `rediss://`, or remove it."
        ),
        .whole(
            "a key file alone",
            "version: 1\npostgres: { url: \"host=db\" }\nredis: { main: { url: \"rediss://a\", keyFile: baton.yaml } }\n",
            "baton.yaml:3:46: redis.main.keyFile: stands without `certificateFile`. Give both or none."),
        .whole(
            "a file that is not there",
            "version: 1\npostgres: { url: \"host=db\" }\nredis: { main: { url: \"rediss://a\", caFile: ca.pem } }\n",
            "baton.yaml:3:45: redis.main.caFile: `ca.pem` cannot be read: No such file or directory. Check the path and the permissions of the user that runs baton."
        ),
    ]

    static let datasets: [Refusal] = [
        Refusal(
            name: "no version", datasets: "datasets: {}\n",
            lines: [
                "datasets.yaml:1:1: version: is missing. Write it there, such as `version: 1`, or set `BATON_DATASETS_VERSION`."
            ]),
        .dataset(
            "nothing", "",
            "datasets.yaml:3:3: datasets.a: has neither `table` nor `query`. Add `table: name`.",
            "datasets.yaml:3:3: datasets.a: has neither `key` nor `keys`. Add `key: \"name:{id}\"`."),
        .dataset(
            "table and query", "table: a, query: select 1, identity: id, key: \"a:{id}\"",
            "datasets.yaml:3:25: datasets.a.query: stands beside `table`. Keep one of the two."),
        .dataset(
            "a query without identity", "query: select 1, key: \"a:{id}\"",
            "datasets.yaml:3:3: datasets.a.identity: is missing, and a query has no primary key. Add `identity: [column]` with the columns that name a row."
        ),
        .dataset(
            "a query with conditions", "query: select 1, where: a, filter: b, identity: id, key: \"a:{id}\"",
            "datasets.yaml:3:32: datasets.a.where: stands beside `query`. Write the condition into the query.",
            "datasets.yaml:3:43: datasets.a.filter: stands beside `query`. Write the condition into the query."),
        .dataset(
            "an empty query", "query: ' ; ', identity: id, key: \"a:{id}\"",
            "datasets.yaml:3:15: datasets.a.query: is empty. Write a `SELECT`."),
        .dataset(
            "key and keys", "table: a, key: \"a:{id}\", keys: { \"b:{id}\": row }",
            "datasets.yaml:3:33: datasets.a.keys: stands beside `key`. Keep one of the two."),
        .dataset(
            "no keys", "table: a, keys: {}",
            "datasets.yaml:3:18: datasets.a.keys: is empty. Write `\"user:{id}\": row` in it."),
        .dataset(
            "a list of keys", "table: a, keys: [\"b:{id}\"]",
            "datasets.yaml:3:24: datasets.a.keys: must be a block of keys, but is a list. Write `\"user:{id}\": row`."),
        .dataset(
            "an unknown kind of value", "table: a, keys: { \"b:{id}\": rwo }",
            "datasets.yaml:3:36: datasets.a.keys: what a key holds is neither `row` nor a column. Write `row`, or `{ column: name }`."
        ),
        .dataset(
            "more than a column", "table: a, keys: { \"b:{id}\": { column: a, as: json } }",
            "datasets.yaml:3:36: datasets.a.keys: what a key holds is neither `row` nor a column. Write `row`, or `{ column: name }`."
        ),
        .dataset(
            "an open brace", "table: a, key: \"a:{id\"",
            "datasets.yaml:3:23: datasets.a.key: `a:{id` has a `{` without its `}`. Close it, or write a brace that is meant literally twice."
        ),
        .dataset(
            "a stray brace", "table: a, key: \"a:id}\"",
            "datasets.yaml:3:23: datasets.a.key: `a:id}` has a `}` without its `{`. Close it, or write a brace that is meant literally twice."
        ),
        .dataset(
            "no name in braces", "table: a, key: \"a:{}\"",
            "datasets.yaml:3:23: datasets.a.key: `a:{}` has a `{}` that names no column. Write `{id}`."),
        .dataset(
            "a key for all rows", "table: a, keys: { \"a\": row }",
            "datasets.yaml:3:26: datasets.a.keys: `a` names no column, so that all rows would get the same key. Add one, such as `{id}`."
        ),
        .dataset(
            "columns that touch", "table: a, key: \"a:{b}{c}\"",
            "datasets.yaml:3:23: datasets.a.key: `a:{b}{c}` has nothing between `{b}` and `{c}`. Write such as `{b}:{c}`, or 1 with 23 and 12 with 3 would make the same key."
        ),
        .dataset(
            "a block in the identity", "table: a, identity: [a, { b: c }, a], key: \"a:{id}\"",
            "datasets.yaml:3:28: datasets.a.identity: names a column twice. Keep one.",
            "datasets.yaml:3:32: datasets.a.identity: must be a name or a list of names, but has a block of keys in it. Write `identity: [first, second]`."
        ),
        .dataset(
            "an unknown server", "table: a, key: \"a:{id}\", redis: mian",
            "datasets.yaml:3:40: datasets.a.redis: `mian` names no server under `redis` of the configuration file. Did you mean `main`?"
        ),
        Refusal(
            name: "an unknown server in the defaults, once",
            datasets: """
                version: 1
                defaults: { redis: other }
                datasets:
                  a: { table: a, key: "a:{id}" }
                  b: { table: b, key: "b:{id}" }
                """,
            lines: [
                "datasets.yaml:2:20: defaults.redis: `other` names no server under `redis` of the configuration file. Use one of `main`."
            ]),
        .datasets(
            "two datasets for the same keys",
            "  a: { table: a, key: \"x:{id}\" }\n  b: { table: b, key: \"x:{other}\" }\n  c: { table: c, key: \"x:{id}\", enabled: false }\n",
            "datasets.yaml:4:23: datasets.b.key: `x:{other}` makes the same keys as `x:{id}` of dataset `a`. Give each its own beginning, or switch one dataset off."
        ),
        .datasets(
            "one dataset for the same keys",
            "  a: { table: a, keys: { \"x:{id}\": row, \"x:{phone}\": row } }\n",
            "datasets.yaml:3:41: datasets.a.keys: `x:{phone}` makes the same keys as `x:{id}`. Give each its own beginning, or switch one dataset off."
        ),
        Refusal(
            name: "the same keys under two names of one server",
            main: """
                version: 1
                postgres: { url: "host=db" }
                redis: { main: { url: "redis://a" }, again: { url: "redis://b@a:6379/0" }, other: { url: "redis://a/1" } }
                """,
            datasets: """
                version: 1
                datasets:
                  a: { table: a, key: "x:{id}" }
                  b: { table: b, key: "x:{id}", redis: again }
                  c: { table: b, key: "x:{id}", redis: other }
                """,
            lines: [
                "datasets.yaml:4:23: datasets.b.key: `x:{id}` makes the same keys as `x:{id}` of dataset `a`. Give each its own beginning, or switch one dataset off."
            ]),
    ]

    static let variables: [Refusal] = [
        .environment(
            "a bad value", ["BATON_LEASE_TTL": "3"],
            "BATON_LEASE_TTL: lease.ttl: `3` is not a duration. Write whole numbers with their units: `600ms`, `3s`, `10m`, `24h` or `1h30m`."
        ),
        .environment(
            "an empty value", ["BATON_GROUP": ""],
            "BATON_GROUP: group: `` is not a name. Use at most 100 letters, digits, `_` and `-`, beginning with a letter, such as `main`."
        ),
        .environment(
            "a misspelt name", ["BATON_POSTGRS_URL": "host=a"],
            "BATON_POSTGRS_URL: sets nothing in this configuration. Did you mean `BATON_POSTGRES_URL`?"),
        .environment(
            "a dataset that is not there", ["BATON_DATASETS_NOTHING_LIKE_IT_ENABLED": "true"],
            "BATON_DATASETS_NOTHING_LIKE_IT_ENABLED: sets nothing in this configuration. Unset it, or add what it names to the file."
        ),
        .environment(
            "contradictory timings", ["BATON_LEASE_TTL": "2s"],
            "BATON_LEASE_TTL: lease.ttl: `2s` is shorter than 3 × renewEvery. Raise it to at least `3s`, or lower `renewEvery`."
        ),
        .environment(
            "a bad default", ["BATON_DEFAULTS_EVERY": "often"],
            "BATON_DEFAULTS_EVERY: defaults.every: `often` is not a duration. Write whole numbers with their units: `600ms`, `3s`, `10m`, `24h` or `1h30m`."
        ),
        .environment(
            "the same keys by a variable", ["BATON_DATASETS_SHOPS_TABLE": "", "BATON_DATASETS_SHOPS_KEY": "{a}{b}"],
            "datasets.yaml:3:3: datasets.shops: has neither `table` nor `query`. Add `table: name`.",
            "BATON_DATASETS_SHOPS_KEY: datasets.shops.key: `{a}{b}` has nothing between `{a}` and `{b}`. Write such as `{a}:{b}`, or 1 with 23 and 12 with 3 would make the same key."
        ),
    ]
}

@Suite("Text that other readers of YAML take for something else")
struct AmbiguityTests {
    @Test(
        "stays as it was written",
        arguments: ["no", "010", "1e3", "0x1F", "true", "2026-01-01", "12:30:45", ".inf", "=", "'~'"])
    func text(_ text: String) throws {
        let fixture = try ConfigurationFixture(
            datasets: "version: 1\ndatasets: { a: { table: \(text), identity: \(text), key: \"a:{id}\" } }")
        let plain = text.filter { $0 != "'" }
        let dataset = try fixture.load().datasets[0]
        #expect(dataset.source == .table(plain, where: nil, filter: nil))
        #expect(dataset.identity == [plain])
    }

    @Test("truth values may have YAML's capitals and quotes", arguments: ["true", "True", "TRUE", "'true'"])
    func flag(_ text: String) throws {
        let fixture = try ConfigurationFixture(
            datasets: "version: 1\ndatasets: { a: { enabled: \(text), table: a, key: \"a:{id}\" } }")
        #expect(try fixture.load().datasets[0].isEnabled)
    }

    @Test("names in a variable are parted by commas, whatever they begin with")
    func listInVariable() throws {
        let fixture = try ConfigurationFixture(
            datasets: "version: 1\ndatasets: { shops: { table: shops, key: \"shop:{id}\" } }")
        let configuration = try fixture.load(["BATON_DATASETS_SHOPS_IDENTITY": "id, \u{301}b,\u{308}c"])
        let names = ["id", "\u{301}b", "\u{308}c"]
        #expect(configuration.datasets[0].identity.map { Array($0.utf8) } == names.map { Array($0.utf8) })
    }

    @Test("blocks may be left empty, and parts shared by aliases")
    func lenient() throws {
        let fixture = try ConfigurationFixture(
            ConfigurationFixture.plain + "lease:\nlog: {}\nshutdown: ~\n",
            datasets: """
                version: 1
                datasets:
                  a: { table: a, key: "a:{id}", identity: &names [a, b] }
                  b: { table: b, key: "b:{id}", identity: *names }
                """)
        let configuration = try fixture.load()
        #expect(configuration.lease == .init())
        #expect(configuration.datasets[1].identity == ["a", "b"])
    }
}
