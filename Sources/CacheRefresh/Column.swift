/// One column of a dataset as a pass reads it: text in PostgreSQL's `COPY` format.
public struct Column: Hashable, Sendable {
    @Exact public private(set) var name: String
    public let kind: ColumnKind
    /// Whether the column is read as `to_json(column)`, because its text alone does not say how its JSON looks.
    public let isReadAsJSON: Bool

    public init(name: String, kind: ColumnKind, isReadAsJSON: Bool = false) {
        self.name = name
        self.kind = kind
        self.isReadAsJSON = isReadAsJSON
    }
}

/// How the text of a column becomes JSON, a field of a hash, or a part of a key.
public enum ColumnKind: Hashable, Sendable {
    /// `smallint`, `integer`, `bigint`: the text is the JSON.
    case integer
    /// `real`, `double precision`, `numeric`: the text is the JSON, but `NaN` and infinities are strings.
    case number
    /// `t` and `f`.
    case boolean
    /// The text is quoted: strings, and every scalar type that `to_json` shows by its text output.
    case text
    /// Text of a fixed form; apart from `text` because it can be told apart inside a key.
    case uuid
    /// `2024-02-29 12:00:00` becomes `2024-02-29T12:00:00`.
    case timestamp
    /// The same, and `+00` becomes `+00:00`; the session's time zone is UTC.
    case timestampWithZone
    /// The text is JSON already.
    case json

    /// The kind of one of PostgreSQL's built-in types, by its object id.
    ///
    /// It is nil for arrays, composites, enums, domains and every type that is not built in: what `to_json` makes of
    /// them depends on more than their text. The ids are those of `src/include/catalog/pg_type.dat`, which never
    /// change.
    public init?(builtInType typeOID: UInt32) {
        switch typeOID {
        case 20, 21, 23: self = .integer
        case 700, 701, 1700: self = .number
        case 16: self = .boolean
        case 2950: self = .uuid
        case 1114: self = .timestamp
        case 1184: self = .timestampWithZone
        case 114, 3802: self = .json
        // "char", name, text, bpchar, varchar, bytea, xml
        case 18, 19, 25, 1042, 1043, 17, 142: self = .text
        // date, time, timetz, interval
        case 1082, 1083, 1266, 1186: self = .text
        // money, inet, cidr, macaddr, macaddr8, bit, varbit
        case 790, 869, 650, 829, 774, 1560, 1562: self = .text
        // point, lseg, path, box, polygon, line, circle
        case 600, 601, 602, 603, 604, 628, 718: self = .text
        // oid, tid, xid, xid8, cid, pg_lsn, tsvector, tsquery
        case 26, 27, 28, 5069, 29, 3220, 3614, 3615: self = .text
        // the built-in ranges and multiranges
        case 3904, 3906, 3908, 3910, 3912, 3926, 4451, 4532, 4533, 4534, 4535, 4536: self = .text
        default: return nil
        }
    }
}
