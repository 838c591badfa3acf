//! The numbers of all living templates as text, in the
//! [format](https://prometheus.io/docs/instrumenting/exposition_formats/) that Prometheus reads.
//!
//! Never here: a socket. Who serves the text is the program's business.

use std::fmt::{Display, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Ending, Histogram, Metrics, PoolFigures};

/// The numbers of this process's templates, pools and sandboxes in the text format 0.0.4 of Prometheus, to be served as
/// `text/plain; version=0.0.4`.
///
/// Each template has its [name](crate::host::TemplateBuilder::name) as the label `template`; its numbers are gone when its last
/// handle is. A sandbox counts as started when somebody asks for it or claims it, and ends once, as the label `outcome`
/// says: `exited_ok`, `exited_failed`, `signaled`, `deadline`, `output`, `memory`, `storm`; `cancelled` when whoever had asked did
/// not want it any more, `failed` when there was an error instead of an outcome. Times are in seconds, memory is in bytes.
///
/// ```
/// let text = zeroboot_runtime::host::prometheus();
/// assert!(text.contains("# TYPE zeroboot_sandboxes_started_total counter\n"));
/// ```
#[must_use]
pub fn prometheus() -> String {
    let templates = Metrics::of_living();
    let mut text = String::new();
    for family in COUNTERS {
        begin(&mut text, family.name, "counter", family.help);
        for template in &templates {
            for (label, value) in (family.read)(template) {
                let labels = [("template", template.name.as_str())].into_iter().chain(label);
                sample(&mut text, family.name, labels, value);
            }
        }
    }
    let name = "zeroboot_sandboxes_in_flight";
    begin(&mut text, name, "gauge", "Sandboxes that were asked for and have not ended.");
    for template in &templates {
        sample(&mut text, name, [("template", template.name.as_str())], template.flights().1);
    }
    for (name, help, read) in HISTOGRAMS {
        begin(&mut text, name, "histogram", help);
        for template in &templates {
            histogram(&mut text, name, &template.name, read(template));
        }
    }
    pools(&mut text, &templates);
    text
}

/// A label of a sample, besides that of its template, and a value.
type Sample = (Option<(&'static str, &'static str)>, f64);

struct Family {
    name: &'static str,
    help: &'static str,
    read: fn(&Metrics) -> Vec<Sample>,
}

const COUNTERS: [Family; 10] = [
    Family {
        name: "zeroboot_sandboxes_started_total",
        help: "Sandboxes that were asked for, on demand or from a pool.",
        read: |template| one(template.flights().0),
    },
    Family {
        name: "zeroboot_sandboxes_ended_total",
        help: "Sandboxes that were asked for and have ended, by how.",
        read: |template| {
            let counts = template.ended.iter().map(load);
            Ending::NAMES
                .into_iter()
                .zip(counts)
                .map(|(name, count)| (Some(("outcome", name)), count))
                .collect()
        },
    },
    Family {
        name: "zeroboot_faults_total",
        help: "Page faults of sandboxes that have ended, by kind.",
        read: |template| {
            two("kind", [("minor", &template.minor_faults), ("major", &template.major_faults)], load)
        },
    },
    Family {
        name: "zeroboot_cpu_seconds_total",
        help: "CPU time of sandboxes that have ended, by mode.",
        read: |template| two("mode", [("user", &template.user_ns), ("system", &template.system_ns)], seconds),
    },
    Family {
        name: "zeroboot_copied_bytes_total",
        help: "Memory that sandboxes have copied from their template, at the end of their work; as root only.",
        read: |template| vec![(None, load(&template.copied_bytes))],
    },
    Family {
        name: "zeroboot_zeroed_bytes_total",
        help: "Fresh memory of sandboxes, at the end of their work; as root only.",
        read: |template| vec![(None, load(&template.zeroed_bytes))],
    },
    Family {
        name: "zeroboot_storms_total",
        help: "Bursts of page faults.",
        read: |template| one(template.storms()),
    },
    Family {
        name: "zeroboot_template_generations_total",
        help: "How often the template was built.",
        read: |template| one(template.generations()),
    },
    Family {
        name: "zeroboot_template_rotations_total",
        help: "How often the template was built anew while it served.",
        read: |template| vec![(None, load(&template.rotations))],
    },
    Family {
        name: "zeroboot_template_deaths_total",
        help: "How often the template was found dead.",
        read: |template| vec![(None, load(&template.deaths))],
    },
];

type ReadHistogram = fn(&Metrics) -> &Histogram;

const HISTOGRAMS: [(&str, &str, ReadHistogram); 2] = [
    (
        "zeroboot_spawn_seconds",
        "From the request to the first user instruction; of a parked sandbox, how long its claim took.",
        |template| &template.spawn,
    ),
    ("zeroboot_run_seconds", "From the first user instruction to the end of the work.", |template| {
        &template.run
    }),
];

type ReadPool = fn(&PoolFigures) -> f64;

const POOLS: [(&str, &str, &str, ReadPool); 8] = [
    ("zeroboot_pool_size", "gauge", "How many sandboxes the pool keeps parked.", |pool| {
        float(pool.size as u64)
    }),
    ("zeroboot_pool_parked", "gauge", "How many are parked now.", |pool| float(pool.counters.parked as u64)),
    ("zeroboot_pool_hits_total", "counter", "Claims that got a parked sandbox.", |pool| {
        float(pool.counters.hits)
    }),
    ("zeroboot_pool_misses_total", "counter", "Claims that found none parked.", |pool| {
        float(pool.counters.misses)
    }),
    ("zeroboot_pool_refills_total", "counter", "Sandboxes that were parked.", |pool| {
        float(pool.counters.refills)
    }),
    ("zeroboot_pool_refill_seconds_total", "counter", "How long the parking took.", |pool| {
        pool.counters.refill_time.as_secs_f64()
    }),
    (
        "zeroboot_pool_died_total",
        "counter",
        "Parked sandboxes that ended before they were claimed.",
        |pool| float(pool.counters.died),
    ),
    ("zeroboot_pool_failures_total", "counter", "How often parking or rotating has failed.", |pool| {
        float(pool.counters.failures)
    }),
];

/// A template may have several pools: each has its number.
fn pools(text: &mut String, templates: &[Arc<Metrics>]) {
    let pools: Vec<_> = templates
        .iter()
        .flat_map(|template| template.pools().into_iter().map(move |pool| (template, pool)))
        .collect();
    for (name, kind, help, read) in POOLS {
        begin(text, name, kind, help);
        for (template, pool) in &pools {
            let number = pool.number.to_string();
            sample(text, name, [("template", template.name.as_str()), ("pool", &number)], read(pool));
        }
    }
}

fn histogram(text: &mut String, name: &str, template: &str, histogram: &Histogram) {
    let buckets = histogram.read();
    let label = ("template", template);
    let bucket = format!("{name}_bucket");
    for (bound, count) in buckets.cumulative() {
        let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.as_secs_f64().to_string());
        sample(text, &bucket, [label, ("le", &bound)], count);
    }
    sample(text, &format!("{name}_sum"), [label], buckets.sum.as_secs_f64());
    sample(text, &format!("{name}_count"), [label], buckets.count());
}

fn one(value: u64) -> Vec<Sample> {
    vec![(None, float(value))]
}

fn two(
    label: &'static str,
    counters: [(&'static str, &AtomicU64); 2],
    read: fn(&AtomicU64) -> f64,
) -> Vec<Sample> {
    counters.into_iter().map(|(name, counter)| (Some((label, name)), read(counter))).collect()
}

fn load(counter: &AtomicU64) -> f64 {
    float(counter.load(Ordering::Relaxed))
}

fn seconds(counter: &AtomicU64) -> f64 {
    Duration::from_nanos(counter.load(Ordering::Relaxed)).as_secs_f64()
}

/// All numbers of Prometheus are such: exact below 2⁵³.
fn float(number: u64) -> f64 {
    number as f64
}

fn begin(text: &mut String, name: &str, kind: &str, help: &str) {
    add(text, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
}

fn sample<'a>(
    text: &mut String,
    name: &str,
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    value: impl Display,
) {
    add(text, format_args!("{name}"));
    let mut before = '{';
    for (label, content) in labels {
        add(text, format_args!("{before}{label}=\"{}\"", escaped(content)));
        before = ',';
    }
    add(text, format_args!("}} {value}\n"));
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn add(text: &mut String, more: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_a_line_whatever_its_labels_hold() {
        let mut text = String::new();
        sample(&mut text, "x_total", [("a", "\"\\\n"), ("b", "ü")], 7);
        assert_eq!(text, "x_total{a=\"\\\"\\\\\\n\",b=\"ü\"} 7\n");
    }
}
