//! What units use.

use super::unit::name_of;
use crate::Problem;
use crate::extract::{Path, Query};
use crate::listen::App;
use crate::wire::{MinuteView, SampleList, SampleOverview, SampleView};
use axum::Json;
use axum::extract::State;
use jiff::SignedDuration;
use orkestra_engine::Sample;
use orkestra_store::SampleRow;
use serde::Deserialize;

/// Samples of one unit in a single answer: all that are kept in memory.
const MOST: usize = 60;
/// Samples of each unit in an overview: a sparkline.
const SPARKS: usize = 20;
/// Minutes that are kept: a day.
const MINUTES: u32 = 1_440;

pub(crate) fn view_of(sample: Sample) -> SampleView {
    SampleView {
        at: sample.at.to_string(),
        // A tenth of a percent is more than the measurement is worth.
        cpu_percent: (f64::from(sample.cpu_percent) * 10.0).round() / 10.0,
        rss_bytes: sample.rss,
        processes: sample.processes,
        descriptors: sample.descriptors,
    }
}

fn minute_of(row: SampleRow) -> MinuteView {
    MinuteView {
        at: row.at.to_string(),
        cpu_avg: row.cpu_avg,
        cpu_max: row.cpu_max,
        rss_avg: row.rss_avg,
        rss_max: row.rss_max,
        processes: row.processes,
        descriptors: row.descriptors,
    }
}

/// How far back to go.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Back {
    /// Minutes back from now; 60 unless given, 1440 at most, 0 for none.
    #[serde(default = "an_hour")]
    minutes: u32,
}

fn an_hour() -> u32 {
    60
}

/// What one unit used.
#[utoipa::path(get, path = "/api/v1/units/{name}/samples", params(Back),
    responses((status = 200, body = SampleList), (status = 404, body = Problem)))]
pub(crate) async fn of_unit(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(back): Query<Back>,
) -> Result<Json<SampleList>, Problem> {
    let name = name_of(&app, &name)?;
    let minutes = back.minutes.min(MINUTES);
    let from = app.engine.now().at - SignedDuration::from_mins(i64::from(minutes));
    let unit = name.to_string();
    let rows = app.engine.store().read(move |read| read.samples(&unit, from, minutes)).await;
    let rows = rows.map_err(orkestra_engine::Error::Store)?;
    Ok(Json(SampleList {
        samples: app.engine.samples(name.as_str(), MOST).into_iter().map(view_of).collect(),
        minutes: rows.into_iter().map(minute_of).collect(),
    }))
}

/// The newest samples of all units.
#[utoipa::path(get, path = "/api/v1/samples", responses((status = 200, body = SampleOverview)))]
pub(crate) async fn of_all(State(app): State<App>) -> Json<SampleOverview> {
    let units = app.engine.units().into_iter().map(|unit| {
        let samples = app.engine.samples(unit.name.as_str(), SPARKS);
        (unit.name.to_string(), samples.into_iter().map(view_of).collect())
    });
    Json(SampleOverview { units: units.collect() })
}
