internal import CLibpq

/// Owns one `PGresult`.
struct ResultHandle: ~Copyable {
    /// What kind of answer it is, as far as a caller has to tell them apart.
    enum Kind {
        /// A statement without rows ended, or the query text was empty.
        case done
        /// Rows, all of a statement or the end of a row-by-row one.
        case rows
        /// One row of several to come.
        case oneRow
        case copyOut
        /// COPY FROM STDIN or replication, which nobody here asks for.
        case otherCopy
        case pipelineSync
        /// A command of a pipeline was skipped because an earlier one failed.
        case skipped
        case failure
    }

    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit { PQclear(pointer) }

    var kind: Kind {
        switch PQresultStatus(pointer) {
        case PGRES_EMPTY_QUERY, PGRES_COMMAND_OK, PGRES_NONFATAL_ERROR: .done
        case PGRES_TUPLES_OK: .rows
        case PGRES_SINGLE_TUPLE: .oneRow
        case PGRES_COPY_OUT: .copyOut
        case PGRES_COPY_IN, PGRES_COPY_BOTH: .otherCopy
        case PGRES_PIPELINE_SYNC: .pipelineSync
        case PGRES_PIPELINE_ABORTED: .skipped
        default: .failure
        }
    }

    /// A field of an error report, by its letter in the protocol.
    func errorField(_ letter: Unicode.Scalar) -> String? {
        PQresultErrorField(pointer, Int32(letter.value)).map { String(cString: $0) }
    }

    /// libpq's own wording of an error, in which the server may have no part.
    var errorText: String { String(cString: PQresultErrorMessage(pointer)) }

    var columns: [PostgresColumn] {
        (0..<PQnfields(pointer)).map { index in
            PostgresColumn(
                name: String(cString: PQfname(pointer, index)),
                typeOID: PQftype(pointer, index),
                typeModifier: PQfmod(pointer, index),
                tableOID: PQftable(pointer, index),
                columnNumber: Int(PQftablecol(pointer, index))
            )
        }
    }
}
