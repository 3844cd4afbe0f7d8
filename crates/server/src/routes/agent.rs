//! Agents: which can be started here.

use crate::listen::App;
use crate::wire::{AgentList, AgentView};
use axum::Json;
use axum::extract::State;

/// Which agents can be started here, and what to do when there is none.
#[utoipa::path(get, path = "/api/v1/agents", responses((status = 200, body = AgentList)))]
pub(crate) async fn list(State(app): State<App>) -> Json<AgentList> {
    let discovery = app.engine.agents();
    let found = discovery.found.iter().map(|found| AgentView {
        name: found.name.clone(),
        kind: Some(found.spec.kind.to_string()),
        found: true,
        program: Some(found.program.display().to_string()),
        why: if found.configured {
            "Configured, and its program is there.".to_owned()
        } else {
            "Installed; it needs no configuration.".to_owned()
        },
    });
    let missing = discovery.missing.iter().map(|missing| AgentView {
        name: missing.name.clone(),
        kind: None,
        found: false,
        program: missing.program.clone(),
        why: match &missing.program {
            Some(program) => format!("Its program {program} was not found."),
            None => "It has no command.".to_owned(),
        },
    });
    let agents: Vec<AgentView> = found.chain(missing).collect();
    let hint = discovery.choose(None).err();
    Json(AgentList { agents, hint })
}
