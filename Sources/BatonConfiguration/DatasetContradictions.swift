internal import CacheRefresh
internal import Formatting

/// Settings of a dataset that are right one by one and wrong together.
///
/// A mistake is told where the dataset says one of the two, else where `defaults` does, and there once.
struct DatasetContradictions {
    /// The dataset's own block.
    let block: ConfigurationBlock
    let defaults: ConfigurationBlock
    /// `defaults` had mistakes of its own: what stands in for those would contradict others for no fault of the user's.
    let isDefaultsFlawed: Bool

    /// - Parameter told: what `defaults` was refused for already.
    func refuse(_ dataset: Dataset, told: inout Set<String>) {
        guard !block.hasMistakes, !isDefaultsFlawed else { return }
        let every = named("every", dataset.every)
        if dataset.mode == .upsert, dataset.ttl < dataset.every * 3 {
            refuse(
                "ttl", "every",
                "\(named("ttl", dataset.ttl)) is shorter than three times \(every): keys could expire before they are renewed",
                remedy: "Raise `ttl` to at least `\(DurationText.render(dataset.every * 3))`, or lower `every`", &told)
        }
        if dataset.mode != .invalidate, dataset.confirmAfter > .zero, dataset.confirmAfter < dataset.every {
            refuse(
                "confirmAfter", "every",
                "\(named("confirmAfter", dataset.confirmAfter)) is shorter than \(every): what is held would go with the next pass, before anybody could look",
                remedy:
                    "Raise `confirmAfter` to some times `every`, or set it to `0s` if nothing is to be held", &told)
        }
        if dataset.mode != .upsert, dataset.repeatLateAfter > .zero, dataset.repeatLateAfter <= dataset.repeatAfter {
            refuse(
                "repeatLateAfter", "repeatAfter",
                "\(named("repeatLateAfter", dataset.repeatLateAfter)) is not longer than \(named("repeatAfter", dataset.repeatAfter)): the late repetition would come with the early one or before it",
                remedy: "Raise `repeatLateAfter`, lower `repeatAfter`, or set one of them to `0s`", &told)
        }
        if dataset.changes == .filter, !dataset.hasFilter, block.location(of: "changes") != nil {
            block.refuse(
                "changes", "`filter` reads only what fits a `filter`, and there is none",
                remedy: "Add a `filter`, or remove `changes`")
        }
    }

    private func refuse(
        _ key: String, _ other: String, _ problem: String, remedy: String, _ told: inout Set<String>
    ) {
        let keys = [key, other]
        if let own = keys.first(where: { block.location(of: $0) != nil }) {
            block.refuse(own, problem, remedy: remedy)
        } else if told.insert(problem).inserted {
            defaults.refuse(keys.first { defaults.location(of: $0) != nil }, problem, remedy: remedy)
        }
    }

    /// A setting as it was written, and where.
    private func named(_ key: String, _ duration: Duration) -> String {
        let place = (block.location(of: key) ?? defaults.location(of: key))?.description ?? "the default"
        return "`\(key): \(DurationText.render(duration))` (\(place))"
    }
}
