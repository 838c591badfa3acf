//! Where hostile programs run: templates that know the primitives, without a network and with a loopback, and a pool of each.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tempfile::NamedTempFile;
use zeroboot::{Bytes, Network, Outcome, Policy, Pool, Request, RunError, Template};

use crate::catalogue::PRIMITIVES;
use crate::program::Way;

/// How many sandboxes a pool keeps parked.
const PARKED: usize = 2;

/// How many shells a template keeps parked.
pub(crate) const SHELLS: usize = 4;

/// How long filling a pool may take.
const FILLING: Duration = Duration::from_secs(20);

/// Templates and pools, made once.
#[derive(Debug)]
pub(crate) struct Place {
    /// In the order of their networks: none, loopback.
    sites: [Site; 2],
}

#[derive(Debug)]
struct Site {
    pool: Pool,
    template: Template,
}

impl Place {
    pub(crate) fn new(interpreter: Option<&PathBuf>) -> anyhow::Result<Self> {
        let mut warm = NamedTempFile::with_suffix(".py").context("cannot lay out the primitives")?;
        warm.write_all(PRIMITIVES.as_bytes()).context("cannot lay out the primitives")?;
        let site = |network| -> anyhow::Result<Site> {
            let mut builder = Template::python().warm_file(warm.path()).parked_shells(SHELLS);
            if let Some(interpreter) = interpreter {
                builder = builder.interpreter(interpreter);
            }
            let template = builder.policy(policy(network)).build()?;
            let pool = template.pool(PARKED)?;
            Ok(Site { pool, template })
        };
        let place = Self { sites: [site(Network::None)?, site(Network::Loopback)?] };
        place.fill()?;
        Ok(place)
    }

    /// Waits until the pools are as they shall be.
    pub(crate) fn fill(&self) -> anyhow::Result<()> {
        self.sites.iter().try_for_each(|site| site.pool.wait_until_full(FILLING).map_err(Into::into))
    }

    pub(crate) fn execute(&self, network: Network, way: Way, request: Request) -> Result<Outcome, RunError> {
        let [none, loopback] = &self.sites;
        let site = if network == Network::Loopback { loopback } else { none };
        match way {
            Way::Template => site.template.execute(request),
            Way::Pool => site.pool.execute(request),
        }
    }
}

/// The strict one, with less of everything, since many such programs run on one machine.
fn policy(network: Network) -> Policy {
    Policy::strict().network(network).processes(32).tmp(Bytes::mebi(4)).memory(Bytes::mebi(256))
}
