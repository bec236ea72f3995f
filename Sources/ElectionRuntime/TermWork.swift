/// The work of a leader, done once for each term.
package protocol TermWork: Sendable {
    /// Works for as long as the term lives. Called in a task of its own, which is cancelled the moment the term ends;
    /// returning says that the work has ended, and until then this replica does not compete again. Returning early
    /// gives the term up.
    ///
    /// Say ``LeadershipTerm/stoppedSending()`` as soon as nothing more will be sent to a target, if ending takes longer
    /// than that: a leader that shuts down hands over then.
    func lead(_ term: LeadershipTerm) async

    /// Tries whether everything that the work needs can be reached from here, within seconds.
    ///
    /// - Returns: what can't, for people; nothing if all can.
    func missing() async -> [String]
}

extension TermWork {
    /// Work that needs nothing.
    package func missing() async -> [String] { [] }
}
