//! Which crate may depend on which.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cargo_metadata::{DependencyKind, Metadata};

use super::{Member, Violation, manifests};

/// Each is usable alone: none depends on another one.
pub(super) const LOWER: [&str; 3] = ["zeroboot-fork", "zeroboot-isolation", "zeroboot-telemetry"];

/// Stands alone: others point it at their own sandboxes, and what it attacks must not help it.
const ALONE: &str = "zeroboot-attack";

/// Never below a lower crate. `serde_core` is what `serde` consists of.
const TOO_HIGH: [&str; 5] = ["clap", "serde", "serde_core", "serde_json", "tokio"];

/// All that the engine may depend on.
const ENGINE: [&str; 3] = ["libc", "nix", "thiserror"];

/// Who depends on whom, by name: versions of a crate count as one.
#[derive(Debug, Default)]
pub(super) struct Graph {
    normal: BTreeMap<String, BTreeSet<String>>,
    other: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    pub(super) fn new(metadata: &Metadata) -> Self {
        let mut graph = Self::default();
        for node in metadata.resolve.iter().flat_map(|resolve| &resolve.nodes) {
            for dependency in &node.deps {
                let (from, to) = (metadata[&node.id].name.as_str(), metadata[&dependency.pkg].name.as_str());
                for info in &dependency.dep_kinds {
                    graph.add(from, to, info.kind);
                }
            }
        }
        graph
    }

    fn add(&mut self, from: &str, to: &str, kind: DependencyKind) {
        let edges = if kind == DependencyKind::Normal { &mut self.normal } else { &mut self.other };
        edges.entry(from.to_owned()).or_default().insert(to.to_owned());
    }

    fn normal(&self, from: &str) -> impl Iterator<Item = &str> {
        self.normal.get(from).into_iter().flatten().map(String::as_str)
    }

    /// For tests, benches and build scripts.
    fn other(&self, from: &str) -> impl Iterator<Item = &str> {
        self.other.get(from).into_iter().flatten().map(String::as_str)
    }

    /// One shortest way from a crate to each that it needs, itself included, by normal dependencies.
    fn ways<'a>(&'a self, from: &'a str) -> BTreeMap<&'a str, Vec<&'a str>> {
        let mut ways = BTreeMap::from([(from, vec![from])]);
        let mut next = VecDeque::from([from]);
        while let Some(at) = next.pop_front() {
            for to in self.normal(at) {
                if !ways.contains_key(to) {
                    let way = ways[at].iter().copied().chain([to]).collect();
                    ways.insert(to, way);
                    next.push_back(to);
                }
            }
        }
        ways
    }
}

/// Checks the lower crates, and that nothing is tied to the one that stands alone.
pub(super) fn check(graph: &Graph, members: &[Member]) -> Vec<Violation> {
    let lower = members
        .iter()
        .filter(|member| LOWER.contains(&&*member.name))
        .flat_map(|member| lower(graph, member));
    let alone = members.iter().flat_map(|member| alone(graph, member));
    lower.chain(alone).collect()
}

fn alone(graph: &Graph, member: &Member) -> Vec<Violation> {
    let all = graph.normal(&member.name).chain(graph.other(&member.name));
    let ours = |name: &&str| *name == "zeroboot" || name.starts_with("zeroboot-");
    let ties = all.filter(|other| if member.name == ALONE { ours(other) } else { *other == ALONE });
    ties.map(|other| Violation {
        path: member.manifest_path(),
        line: manifests::line_of(&member.manifest, other),
        what: format!("must not depend on {other}: {ALONE} stands alone"),
    })
    .collect()
}

fn lower(graph: &Graph, member: &Member) -> Vec<Violation> {
    let name = &*member.name;
    let violation = |dependency: &str, what: String| Violation {
        path: member.manifest_path(),
        line: manifests::line_of(&member.manifest, dependency),
        what,
    };
    let mut found = Vec::new();
    for (crate_name, way) in graph.ways(name) {
        if crate_name != name && (LOWER.contains(&crate_name) || TOO_HIGH.contains(&crate_name)) {
            found.push(violation(way[1], format!("must not depend on {crate_name}: {}", way.join(" > "))));
        }
    }
    for other in graph.other(name).filter(|other| LOWER.contains(other)) {
        found.push(violation(other, format!("must not depend on {other}, not for tests or building either")));
    }
    if name == "zeroboot-fork" {
        for other in graph.normal(name).filter(|other| !ENGINE.contains(other)) {
            found.push(violation(other, format!("the engine depends on {} only", ENGINE.join(", "))));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use cargo_metadata::DependencyKind::{Development, Normal};

    use super::{Graph, Member, check};

    fn violations(edges: &[(&str, &str, cargo_metadata::DependencyKind)], member: &str) -> Vec<String> {
        let mut graph = Graph::default();
        for (from, to, kind) in edges {
            graph.add(from, to, *kind);
        }
        let manifest = "[dependencies]\nlibc.workspace = true\nprocfs = { workspace = true }\n".to_owned();
        let member = Member { name: member.into(), directory: "crates/it".into(), manifest, roots: vec![] };
        check(&graph, &[member]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_forbidden_crate_is_found_at_any_depth() {
        let edges = [("zeroboot-telemetry", "procfs", Normal), ("procfs", "serde", Normal)];
        let what = "crates/it/Cargo.toml:3: must not depend on serde: zeroboot-telemetry > procfs > serde";
        assert_eq!(violations(&edges, "zeroboot-telemetry"), [what]);
    }

    #[test]
    fn a_sibling_is_not_even_for_tests() {
        let edges = [("zeroboot-isolation", "zeroboot-fork", Development)];
        assert_eq!(violations(&edges, "zeroboot-isolation").len(), 1);
        let edges = [("zeroboot-isolation", "zeroboot-fork", Normal)];
        assert_eq!(violations(&edges, "zeroboot-isolation").len(), 1);
    }

    #[test]
    fn the_tests_of_a_lower_crate_may_use_more() {
        let edges = [("zeroboot-fork", "libtest-mimic", Development), ("libtest-mimic", "clap", Normal)];
        assert_eq!(violations(&edges, "zeroboot-fork"), [""; 0]);
    }

    #[test]
    fn the_engine_has_three_dependencies() {
        let edges = [("zeroboot-fork", "libc", Normal), ("zeroboot-fork", "procfs", Normal)];
        let what = "crates/it/Cargo.toml:3: the engine depends on libc, nix, thiserror only";
        assert_eq!(violations(&edges, "zeroboot-fork"), [what]);
    }

    #[test]
    fn the_attacks_stand_alone() {
        let edges = [("zeroboot-attack", "zeroboot", Development), ("zeroboot-attack", "clap", Normal)];
        let what = "crates/it/Cargo.toml:1: must not depend on zeroboot: zeroboot-attack stands alone";
        assert_eq!(violations(&edges, "zeroboot-attack"), [what]);
        let edges = [("zeroboot-cli", "zeroboot-attack", Normal)];
        assert_eq!(violations(&edges, "zeroboot-cli").len(), 1);
    }

    #[test]
    fn upper_crates_are_free() {
        let edges = [("zeroboot-runtime", "serde", Normal), ("zeroboot-runtime", "zeroboot-fork", Normal)];
        assert_eq!(violations(&edges, "zeroboot-runtime"), [""; 0]);
    }
}
