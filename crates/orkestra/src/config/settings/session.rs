//! Reads how goals are planned.

use super::super::Origin;
use super::super::keys::session::SESSIONS;
use super::super::reader::{self, Bad, Fields, Reader};
use orkestra_core::session::Involvement;
use orkestra_engine::SessionsSpec;

pub(super) fn read(top: &Fields<'_>, reader: &mut Reader) -> SessionsSpec {
    let usual = SessionsSpec::default();
    let f = reader.section(top.get("sessions"), top.path.join("sessions"), &SESSIONS);
    let involvement = (usual.involvement, Origin::Default);
    let key = super::key(&SESSIONS, "involvement");
    let involvement: Involvement = reader.value(&f, "involvement", involvement, reader::word(key));
    let mut number = |name, default| {
        reader.value(&f, name, (default, Origin::Default), |text| {
            let fits = |count: &u32| (1..=1000).contains(count);
            let bad = || Bad::new(text, "a number of times", "a number from 1 to 1000");
            text.parse().ok().filter(fits).ok_or_else(bad)
        })
    };
    let plan_tries = number("plan_tries", usual.plan_tries);
    let plan_rounds = number("plan_rounds", usual.plan_rounds);
    SessionsSpec { plan_tries, plan_rounds, involvement }
}
