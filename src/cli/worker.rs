//! `scanpost worker`: what the box starts for each job; of no use by hand.

use crate::cli::Done;
use crate::cli::terminal::Failure;
use crate::node::worker::child;

#[derive(Debug, clap::Args)]
pub(super) struct Worker {}

pub(super) fn run(_: &Worker) -> Done {
    child::run().map_err(|error| Failure::because("the worker ended", &error))
}
