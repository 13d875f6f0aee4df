//! The report: one HTML file without references to others. Plots are SVG, drawn here; colours follow the reader's scheme.

use super::book::time;
use serde_json::Value;
use std::fmt::Write;

const STYLE: &str = "
:root{color-scheme:light dark;--fg:#1b1f24;--bg:#fff;--soft:#57606a;--line:#d0d7de;--card:#f6f8fa}
@media(prefers-color-scheme:dark){:root{--fg:#e6edf3;--bg:#0d1117;--soft:#9198a1;--line:#30363d;--card:#161b22}}
*{box-sizing:border-box}body{margin:0 auto;padding:1rem;max-width:60rem;font:16px/1.5 system-ui,sans-serif;color:var(--fg);
background:var(--bg)}h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2rem}p,td,th,code{overflow-wrap:anywhere}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem;width:100%}
th,td{padding:.3rem .5rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}svg{display:block;width:100%;max-width:44rem;height:auto;background:var(--card);border-radius:.5rem}
svg text{fill:var(--fg);font:13px system-ui,sans-serif}svg .soft{fill:var(--soft)}svg .grid{stroke:var(--line)}
.key{display:flex;flex-wrap:wrap;gap:.25rem 1rem;list-style:none;padding:0;font-size:.85rem}
.key i{display:inline-block;width:.8rem;height:.8rem;border-radius:.2rem;margin-right:.4rem;vertical-align:-.1rem}
.met{color:#1a7f37}.missed{color:#cf222e}@media(prefers-color-scheme:dark){.met{color:#3fb950}.missed{color:#ff7b72}}
";

/// Colours that can be told apart on light and dark, by most eyes (Okabe-Ito, adjusted).
const COLOURS: [&str; 8] = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8b6fd1", "#7f7f7f"];

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or("")
}

fn number(row: &Value, key: &str) -> f64 {
    row[key].as_f64().unwrap_or(0.0)
}

/// The whole document.
pub(super) fn report(document: &Value) -> String {
    let mut out = String::new();
    let empty = Vec::new();
    let rows = document["rows"].as_array().unwrap_or(&empty);
    let of = |suite: &str| rows.iter().filter(|r| text(r, "suite") == suite).collect::<Vec<_>>();
    let _ = write!(
        out,
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width,initial-scale=1\">\
         <title>zktern bench</title><style>{STYLE}</style><h1>zktern bench</h1><p><code>{}</code><p>{}, {} threads, {}; version \
         {}; {}; medians of {} runs.",
        escape(text(document, "command")),
        escape(document["machine"].as_str().unwrap_or("unknown processor")),
        document["threads"],
        escape(text(document, "system")),
        escape(text(document, "version")),
        escape(text(document, "date")),
        document["samples"]
    );
    matvec(&mut out, &of("matvec"));
    mlp(&mut out, &of("mlp"));
    aggregate(&mut out, &of("aggregate"));
    stages(&mut out, &of("stages"));
    comparisons(&mut out, document["comparisons"].as_array().unwrap_or(&empty));
    out.push_str("</html>\n");
    out
}

fn legend(out: &mut String, names: &[&str]) {
    out.push_str("<ul class=key>");
    for (name, colour) in names.iter().zip(COLOURS.iter().cycle()) {
        let _ = write!(out, "<li><i style=\"background:{colour}\"></i>{}</li>", escape(name));
    }
    out.push_str("</ul>");
}

fn table(out: &mut String, head: &[&str], body: impl Iterator<Item = Vec<String>>) {
    out.push_str("<div class=scroll><table><tr>");
    out.extend(head.iter().map(|h| format!("<th>{}</th>", escape(h))));
    for cells in body {
        out.push_str("</tr><tr>");
        out.extend(cells.iter().map(|c| format!("<td>{}</td>", escape(c))));
    }
    out.push_str("</tr></table></div>");
}

/// Different values of a key, in order of appearance.
fn distinct<'a>(rows: &[&'a Value], key: &str) -> Vec<&'a str> {
    let mut out = Vec::new();
    for row in rows {
        let value = text(row, key);
        if !out.contains(&value) {
            out.push(value);
        }
    }
    out
}

/// Small enough for labels to be readable on a phone.
const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 320.0;
/// Room for labels at the left and at the bottom, and a little elsewhere.
const MARGINS: [f64; 3] = [70.0, 40.0, 15.0];

/// Lines of time over k, both logarithmic.
fn lines(out: &mut String, rows: &[&Value], names: &[&str], key: &str) {
    let points: Vec<(f64, f64)> = rows.iter().map(|r| (number(r, "log"), number(r, key).max(1e-9).log10())).collect();
    let range = |f: &dyn Fn(&(f64, f64)) -> f64| {
        let all = points.iter().map(f);
        all.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)))
    };
    let ((x0, x1), (y0, y1)) = (range(&|p| p.0), range(&|p| p.1));
    let (y0, y1, x1) = (y0.floor(), y1.ceil().max(y0.floor() + 1.0), x1.max(x0 + 1.0));
    let [left, bottom, rest] = MARGINS;
    let x = |v: f64| left + (v - x0) / (x1 - x0) * (WIDTH - left - rest);
    let y = |v: f64| HEIGHT - bottom - (v - y0) / (y1 - y0) * (HEIGHT - bottom - rest);
    let _ = write!(out, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=img aria-label=\"time over size\">");
    for decade in y0 as i32..=y1 as i32 {
        let at = y(f64::from(decade));
        let label = time(10f64.powi(decade));
        let _ = write!(
            out,
            "<line class=grid x1={left} x2={} y1={at:.1} y2={at:.1} /><text class=soft x={} y={:.1} text-anchor=end>{label}</text>",
            WIDTH - rest,
            left - 6.0,
            at + 4.0
        );
    }
    for k in x0 as u32..=x1 as u32 {
        let _ = write!(
            out,
            "<text class=soft x={:.1} y={} text-anchor=middle>2^{k}</text>",
            x(f64::from(k)),
            HEIGHT - bottom + 20.0
        );
    }
    for (name, colour) in names.iter().zip(COLOURS.iter().cycle()) {
        let own = rows.iter().zip(&points).filter(|(r, _)| text(r, "configuration") == *name);
        let path: Vec<String> = own.map(|(_, (k, t))| format!("{:.1},{:.1}", x(*k), y(*t))).collect();
        let _ = write!(out, "<polyline fill=none stroke=\"{colour}\" stroke-width=2.5 points=\"{}\" />", path.join(" "));
        for point in &path {
            let (cx, cy) = point.split_once(',').unwrap_or_default();
            let _ = write!(out, "<circle cx={cx} cy={cy} r=3.5 fill=\"{colour}\" />");
        }
    }
    out.push_str("</svg>");
}

fn matvec(out: &mut String, rows: &[&Value]) {
    for device in distinct(rows, "device") {
        let own: Vec<&Value> = rows.iter().copied().filter(|r| text(r, "device") == device).collect();
        let names = distinct(&own, "configuration");
        for (title, key) in [("without opening", "prove_s"), ("with the commitment's opening", "prove_with_opening_s")] {
            let _ = write!(out, "<h2>Matrix times vector, {}: proving time {title}</h2>", escape(device));
            lines(out, &own, &names, key);
            legend(out, &names);
        }
        let head = ["", "k", "non-zeros", "commit", "prove", "open", "verify", "opening", "peak memory"];
        let body = own.iter().map(|r| {
            let memory = r["peak_rss_bytes"].as_u64().map_or_else(|| "?".into(), |b| format!("{} MB", b / 1_000_000));
            let mut cells = vec![text(r, "configuration").to_owned(), r["log"].to_string(), r["nnz"].to_string()];
            let times = ["commit_s", "prove_s", "open_s", "verify_s", "verify_opening_s"];
            cells.extend(times.iter().map(|key| time(number(r, key))));
            cells.push(memory);
            cells
        });
        table(out, &head, body);
    }
}

/// Proving time by stage: one bar per row.
fn mlp(out: &mut String, rows: &[&Value]) {
    if rows.is_empty() {
        return;
    }
    out.push_str("<h2>Networks: proving time per input, by stage</h2>");
    let stages: Vec<&str> = crate::protocol::Stage::ALL.iter().map(|s| s.key()).collect();
    let per_input = |r: &Value| number(r, "prove_s") / number(r, "inputs").max(1.0);
    let longest = rows.iter().map(|r| per_input(r)).fold(1e-9, f64::max);
    let (step, bar, from) = (34.0, 14.0, 10.0);
    let _ = write!(out, "<svg viewBox=\"0 0 {WIDTH} {}\" role=img aria-label=\"stages\">", step * rows.len() as f64 + 10.0);
    for (i, row) in rows.iter().enumerate() {
        let y = 16.0 + step * i as f64;
        let label = format!(
            "{} · {} · B={} · {}: {}",
            text(row, "model").trim_start_matches("random-"),
            text(row, "density"),
            row["inputs"],
            text(row, "device"),
            time(per_input(row))
        );
        let _ = write!(out, "<text x={from} y={y:.1}>{}</text>", escape(&label));
        let mut x = from;
        for (stage, colour) in stages.iter().zip(COLOURS) {
            let share = number(&row["stages"], stage) / number(row, "inputs").max(1.0) / longest;
            let width = share * (WIDTH - 2.0 * from);
            let _ = write!(
                out,
                "<rect x={x:.2} y={:.1} width={width:.2} height={bar} fill=\"{colour}\"><title>{stage}</title></rect>",
                y + 4.0
            );
            x += width;
        }
    }
    out.push_str("</svg>");
    legend(out, &stages.iter().map(|s| s.trim_end_matches("_s")).collect::<Vec<_>>());
    let head = ["network", "density", "B", "commit", "prove", "verify", "floor", "ratio", "proof KB", "key KB"];
    let body = rows.iter().map(|r| {
        let mut cells = vec![
            text(r, "model").trim_start_matches("random-").to_owned(),
            text(r, "density").to_owned(),
            r["inputs"].to_string(),
        ];
        cells.extend(["commit_s", "prove_s", "verify_s", "floor_s"].iter().map(|key| time(number(r, key))));
        cells.push(format!("{:.2}", number(r, "floor_ratio")));
        cells.extend(["proof_bytes", "key_bytes"].iter().map(|key| format!("{:.1}", number(r, key) / 1e3)));
        cells
    });
    table(out, &head, body);
}

fn aggregate(out: &mut String, rows: &[&Value]) {
    if rows.is_empty() {
        return;
    }
    out.push_str("<h2>Many inferences</h2>");
    let head = ["network", "how", "B", "prove", "an input", "verify", "words KB", "file KB"];
    let body = rows.iter().map(|r| {
        let inputs = number(r, "inputs").max(1.0);
        let mut cells = vec![text(r, "shape").to_owned(), text(r, "case").to_owned(), r["inputs"].to_string()];
        cells.extend([number(r, "prove_s"), number(r, "prove_s") / inputs, number(r, "verify_s")].map(time));
        cells.extend(["word_bytes", "proof_bytes"].iter().map(|key| format!("{:.1}", number(r, key) / 1e3)));
        cells
    });
    table(out, &head, body);
}

fn stages(out: &mut String, rows: &[&Value]) {
    if rows.is_empty() {
        return;
    }
    out.push_str("<h2>Verbs of the backends</h2>");
    let body = rows.iter().map(|r| {
        let each = format!("{:.2} ns", number(r, "unit_ns"));
        vec![
            text(r, "model").to_owned(),
            text(r, "device").to_owned(),
            r["units"].to_string(),
            time(number(r, "verb_s")),
            each,
        ]
    });
    table(out, &["verb", "device", "units", "time", "each"], body);
}

fn comparisons(out: &mut String, rows: &[Value]) {
    if rows.is_empty() {
        return;
    }
    out.push_str("<h2>Ratios</h2><p>Run by run: median, smallest and largest.</p><div class=scroll><table>");
    out.push_str("<tr><th>what</th><th>median</th><th>smallest</th><th>largest</th><th>wanted</th></tr>");
    for row in rows {
        let verdict = match row["met"].as_bool() {
            Some(met) => {
                let class = if met { "met" } else { "missed" };
                format!("<span class={class}>{}: {class}</span>", escape(text(row, "target")))
            }
            None => String::new(),
        };
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{:.2}</td><td>{:.2}</td><td>{:.2}</td><td>{verdict}</td></tr>",
            escape(text(row, "what")),
            number(row, "ratio"),
            number(row, "ratio_min"),
            number(row, "ratio_max")
        );
    }
    out.push_str("</table></div>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_report_is_whole_and_escapes_what_it_shows() {
        let row = |k: u32| json!({"suite": "matvec", "configuration": "a<b", "device": "d", "log": k, "prove_s": 0.1});
        let html = report(&json!({"command": "<script>", "rows": [row(5), row(6)], "comparisons": []}));
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script"));
        assert!(html.contains("a&lt;b") && html.contains("polyline") && html.contains("prefers-color-scheme:dark"));
        assert!(!html.contains("NaN") && !html.contains("inf") && !html.contains("http"));
        assert!(report(&json!({})).ends_with("</html>\n"));
    }
}
