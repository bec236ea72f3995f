import LocalStack

/// A database and a role whose settings all differ from what Baton relies on, and rows of many types.
struct HostileDatabase {
    let server: LocalPostgres
    static let name = "app"
    static let reader = "baton"
    static let table = "shop.kinds"

    /// - Parameter version: PostgreSQL's major one.
    static func create(on server: LocalPostgres, version: Int) async throws -> HostileDatabase {
        _ = try await server.createDatabase(name)
        try await server.run(sql: schema, database: name)
        try await server.run(sql: rows, database: name)
        var settings = roleSettings + databaseSettings
        if version >= 17 { settings.append("transaction_timeout = '1s'") }
        for (place, setting) in settings.enumerated() {
            let target = place < roleSettings.count ? "role \(reader)" : "database \(name)"
            try await server.run(sql: "alter \(target) set \(setting)")
        }
        return HostileDatabase(server: server)
    }

    static let roleSettings = [
        "timezone = 'Asia/Kolkata'", "datestyle = 'SQL, DMY'", "intervalstyle = 'sql_standard'",
        "bytea_output = 'escape'", "extra_float_digits = -15", "client_encoding = 'LATIN1'",
        "search_path = decoy, pg_temp", "default_transaction_isolation = 'serializable'",
        "default_transaction_deferrable = on", "default_transaction_read_only = off", "statement_timeout = '900ms'",
        "lock_timeout = '1ms'", "idle_in_transaction_session_timeout = '500ms'", "idle_session_timeout = '700ms'",
    ]
    static let databaseSettings = [
        "row_security = off", "standard_conforming_strings = off", "backslash_quote = on", "array_nulls = off",
        "quote_all_identifiers = on", "xmlbinary = hex", "xmloption = document", "transform_null_equals = on",
        "synchronous_commit = off", "enable_seqscan = off", "escape_string_warning = on",
        "client_min_messages = debug1",
    ]

    /// A row's JSON, as PostgreSQL makes it under the settings that Baton promises to use.
    static let pins = """
        set timezone = 'UTC'; set datestyle = 'ISO, MDY'; set intervalstyle = 'postgres'; set bytea_output = 'hex';
        set extra_float_digits = 1; set lc_monetary = 'C'; set standard_conforming_strings = on; set xmlbinary = base64;
        set client_min_messages = warning;
        """

    private static let schema = """
        create schema shop; create schema decoy;
        create type shop.mood as enum ('sad', 'o''k', 'sehr "glücklich"');
        create type shop.point3 as (x int, label text);
        create domain shop.age as int check (value >= 0);
        create table \(table) (
            id int primary key, small smallint, big bigint, real_ real, double_ double precision, exact numeric(30, 10),
            free numeric, yes boolean, letters varchar(40), blanks char(6), words text, raw bytea, day date, clock time,
            zoned timetz, stamp timestamp, moment timestamptz, span interval, tag uuid, doc json, docb jsonb, ip inet,
            net cidr, mac macaddr, bits bit(5), varied bit varying, numbers int[], names text[], stamps timestamptz[],
            mood shop.mood, moods shop.mood[], point shop.point3, age shop.age, range int4range,
            ranges nummultirange, period tstzrange, place point, shape polygon, price money, found tsvector, path jsonpath,
            markup text, version int default 0, "odd ""näme"" \\" text
        );
        create table decoy.kinds (id int primary key, words text);
        insert into decoy.kinds select i, 'the wrong table' from generate_series(1, 50) i;
        create role \(reader) login nosuperuser;
        grant usage on schema shop, decoy to \(reader);
        grant select on all tables in schema shop, decoy to \(reader);
        """

    private static let rows = """
        set standard_conforming_strings = on;
        insert into \(table)
        select i, i, i * 9007199254740993::bigint % 9223372036854775807, (i / 7.0)::real, i / 3.0e300, i / 7.0, i * 1e40,
            i % 2 = 0, 'Zoë "' || i, 'a' || i, e'back\\\\slash, tab\\t, newline\\n, \\u0301 e\\u0301 \\U0001F600 ' || i,
            decode(md5(i::text), 'hex'), date '2024-02-29' + i, time '23:59:59.999999', timetz '12:00:00.5+05:30',
            timestamp '1999-12-31 23:59:59.123456' + i * interval '1 hour', timestamptz '2024-03-31 00:30:00.000001+00' + i * interval '1 hour',
            i * interval '1 month 2 days 03:04:05.678', md5(i::text)::uuid, '{"b": 1, "a": [1.50, null], "b": "twice"}', '{"k": [1.50, "ü", {}]}',
            '2001:db8::1/64', '10.1.0.0/16', '08:00:2b:01:02:03', b'10101', b'1011', array[i, null, -i], array['a,b', '"', null, ''],
            array[timestamptz '2024-01-01 00:00:00+00'], 'sehr "glücklich"', array['sad', 'o''k']::shop.mood[],
            row(i, 'x, "y"')::shop.point3, i, int4range(i, i + 5), nummultirange(numrange(1.5, 2), numrange(4, null)),
            tstzrange(timestamptz '2024-01-01 00:00:00+00', null), point(i, 0.1), polygon '((0,0),(1,1),(1,0))', i * 1.25::numeric::money,
            to_tsvector('simple', 'a fat cat'), '$.a[*] ? (@ > 1)', '<a b="c">&amp;</a>', 0, e'o''dd'
        from generate_series(1, 400) i;
        insert into \(table) (id, double_, real_, free, stamp, moment, day) values
            (1001, 'NaN', 'Infinity', 'NaN', 'infinity', '-infinity', '0044-03-15 BC');
        insert into \(table) (id) values (-1);
        -- Not every server is built with it.
        do $$ begin
            alter table \(table) alter markup type xml using markup::xml;
        exception when feature_not_supported then null; end $$;
        """
}
