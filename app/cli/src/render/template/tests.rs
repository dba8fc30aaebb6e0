use super::*;
use proptest::prelude::*;
use serde_json::json;

fn row() -> Value {
    json!({
        "Names": "web", "Size": 5, "Actor": { "ID": "ab", "Attributes": { "com.x": "y" } }, "List": ["a", "b"],
        "Empty": [], "Running": true, "Health": null, "Ports": { "80/tcp": [{ "HostPort": "8080" }], "9/tcp": null },
        "Evil": "a\u{1b}[2Jb\nc",
        LABELS: { "tier": "front" },
    })
}

fn rendered(template: &str) -> String {
    rendered_of(template, Of::Object)
}

fn rendered_of(template: &str, of: Of) -> String {
    match Template::parse(template, of).and_then(|template| template.render(&row())) {
        Ok(text) => text,
        Err(Failure::Problem(problem)) => problem.message,
        Err(other) => panic!("{other:?}"),
    }
}

/// The expected texts are what Go prints (text/template with docker's functions).
#[test]
fn templates_are_gos() {
    for (template, text) in [
        ("{{.Names}}: {{ .Size }}", "web: 5"),
        ("{{.Actor.ID}} {{.List}}", "ab [a b]"),
        ("{{json .Actor}}", r#"{"Attributes":{"com.x":"y"},"ID":"ab"}"#),
        (r#"{{index .Actor.Attributes "com.x"}}"#, "y"),
        (r#"{{.Label "tier"}}{{.Label "none"}}"#, "front"),
        ("{{.Actor.Attributes}}", "map[com.x:y]"),
        ("plain", "plain"),
        ("a {{- .Names -}} b", "awebb"),
        ("a{{/* nothing */}}b{{- /* nothing */ -}} c", "abc"),
        ("{{if .Running}}yes{{else}}no{{end}}", "yes"),
        ("{{if .Health}}{{.Health.Status}}{{else if .Empty}}x{{else}}none{{end}}", "none"),
        ("{{if and .Running (not .Empty)}}both{{end}}", "both"),
        ("{{if or .Empty .Health .Names}}some{{end}}", "some"),
        (r#"{{if eq .Names "db" "web"}}one of them{{end}}"#, "one of them"),
        (
            r#"{{if ne .Names "db"}}other{{end}}{{if gt .Size 4}}large{{end}}{{if le .Size 4}}small{{end}}"#,
            "otherlarge",
        ),
        ("{{range .List}}<{{.}}>{{end}}", "<a><b>"),
        ("{{range $i, $e := .List}}{{if $i}},{{end}}{{$i}}={{$e}}{{end}}", "0=a,1=b"),
        (
            r#"{{range $port, $to := .Ports}}{{$port}}>{{range $to}}{{.HostPort}}{{else}}-{{end}} {{end}}"#,
            "80/tcp>8080 9/tcp>- ",
        ),
        ("{{range .Empty}}x{{else}}none{{end}}", "none"),
        (r#"{{range .List}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{$.Names}}{{end}}"#, "aweb"),
        (r#"{{range .List}}{{if eq . "a"}}{{continue}}{{end}}{{.}}{{end}}"#, "b"),
        ("{{with .Actor}}{{.ID}} {{$.Names}}{{end}}{{with .Health}}x{{else}}-{{end}}", "ab web-"),
        ("{{$n := .Names}}{{if .Running}}{{$n = .Size}}{{end}}{{$n}}", "5"),
        (r#"{{join .List ", "}} {{len .List}} {{len .Names}} {{index .List 1}}"#, "a, b 2 3 b"),
        (r#"{{(index (index .Ports "80/tcp") 0).HostPort}}"#, "8080"),
        (
            r#"{{.Names | upper | printf "%-5s|%5.1f|%03d|%q" }}"#,
            "template parsing error: template: printf: %5.1f has no value",
        ),
        (r#"{{printf "%-5s|%5.1f|%03d|%q|%v%%" .Names 1.25 7 "a" .List}}"#, "web  |  1.2|007|\"a\"|[a b]%"),
        (r#"{{.Names | printf "%s-%s" "a"}}"#, "a-web"),
        (
            r#"{{split "a/b" "/"}} {{title "a b"}} {{lower "A"}} {{truncate .Names 2}}{{pad "x" 1 2}}|"#,
            "[a b] A B a we x  |",
        ),
        (
            r#"{{slice .Names 1}}{{slice .Names 0 1}}{{println .Names .Size}}{{print 1 true}}{{print 1 "a" 2}}"#,
            "ebwweb 5\n1 true1a2",
        ),
        (r#"{{join .List "\n"}}{{"\t"}}{{`raw\n`}}"#, "a\nb\traw\\n"),
        ("{{.Evil}}|{{range .List}}{{$.Evil}}{{end}}", "a [2Jb c|a [2Jb ca [2Jb c"),
        ("{{json .Evil}} {{.Evil | json}}", r#""a\u001b[2Jb\nc" "a\u001b[2Jb\nc""#),
        (r#"{{printf "%s" .Evil}}{{index .Evil 0}}"#, "a [2Jb c97"),
    ] {
        assert_eq!(rendered(template), text, "{template}");
    }
    assert!(!rendered("{{json .}}{{.}}{{range .}}{{.}}{{end}}").contains("front"));
}

#[test]
fn what_is_not_understood_gets_one_sentence() {
    for (template, said) in [
        ("{{.Names", "template parsing error: unclosed action"),
        ("{{nope .Names}}", "template parsing error: function \"nope\" not defined"),
        ("{{if .Names}}x", "template parsing error: {{if}} has no {{end}}"),
        ("{{end}}", "template parsing error: unexpected {{end}}"),
        ("{{if .Names}}{{else}}{{else}}{{end}}", "template parsing error: {{if}} has two {{else}}"),
        ("{{define \"x\"}}{{end}}", "template parsing error: {{define}} is not supported by Berth"),
        ("{{len .Size}}", "template: len of type int"),
        ("{{eq .Size .Names}}", "template: incompatible types for comparison: int and string"),
        ("{{index .List 5}}", "template: index out of range: 5"),
        ("{{join .List}}", "template: wrong number of args for join: want another number got 1"),
        ("{{$x}}", "template: undefined variable \"$x\""),
        ("{{break}}", "template: {{break}} outside {{range}}"),
        ("{{.Names .Size}}", "template: can't give argument to non-function"),
        ("{{(.Names}}", "template parsing error: unclosed left parenthesis"),
        ("{{.Names)}}", "template parsing error: unexpected \")\""),
        ("{{}}", "template parsing error: missing value for command"),
        ("{{printf \"%e\" 1.5}}", "template: printf: %e is not supported by Berth"),
        ("{{pad .Names 99999999 1}}", "template: 99999999 is too wide"),
    ] {
        let found = rendered_of(template, Of::Value("thing"));
        assert!(found.starts_with(said), "{template}: {found}");
    }
}

/// The texts are the docker CLI's (26.1.5), asked about an object of this shape.
#[test]
fn what_is_not_there_is_told_as_docker_tells_it() {
    let object = json!({
        "Name": "/web", "State": { "Status": "running", "Running": true },
        "Config": { "Labels": { "a": "b" }, "Cmd": null, "Volumes": null, "Image": "x" },
        "HostConfig": { "Memory": 0 }, "NetworkSettings": { "Ports": { "80/tcp": null }, "Networks": {} }, "Mounts": [],
    });
    let no_entry = |at: &str, what: &str, key: &str| {
        format!(
            "template parsing error: template: :{at}: executing \"\" at <{what}>: map has no entry for key \"{key}\""
        )
    };
    let no_field = |at: &str, what: &str, field: &str| {
        format!(
            "template parsing error: template: :{at}: executing \"\" at <{what}>: can't evaluate field {field} in type interface {{}}"
        )
    };
    for (template, text) in [
        ("{{.Nope}}", no_entry("1:2", ".Nope", "Nope")),
        ("{{.State.Nope}}", no_entry("1:8", ".State.Nope", "Nope")),
        ("{{json .State.Nope}}", no_entry("1:13", ".State.Nope", "Nope")),
        ("{{.HostConfig.Nope.Deep}}", no_entry("1:13", ".HostConfig.Nope.Deep", "Nope")),
        ("{{with .State}}{{.Nope}}{{end}}", no_entry("1:17", ".Nope", "Nope")),
        ("{{$x := .State}}{{$x.Nope}}", no_entry("1:20", "$x.Nope", "Nope")),
        ("a\n{{.State.Nope}}", no_entry("2:8", ".State.Nope", "Nope")),
        ("{{.State.Health.Status}}", no_entry("1:8", ".State.Health.Status", "Health")),
        ("{{.State.Status.X}}", no_field("1:8", ".State.Status.X", "X")),
        ("{{.Name.X.Y}}", no_field("1:7", ".Name.X.Y", "X")),
        ("{{.Config.Labels.a.b}}", no_field("1:9", ".Config.Labels.a.b", "b")),
        ("{{.State.Health}} {{.SizeRw}} {{.HostConfig.Init}}", "<nil> <nil> <nil>".to_owned()),
        ("{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}", "none".to_owned()),
        ("{{.Config.Labels.a}} {{.Config.Labels.nope}}", "b <no value>".to_owned()),
        ("{{.NetworkSettings.Networks.bridge.IPAddress}}", "<no value>".to_owned()),
        ("{{index .Config.Labels \"zz\"}}|", "|".to_owned()),
        ("{{.Config.Volumes}} {{.Config.Cmd}} {{.HostConfig.Binds}}", "map[] [] []".to_owned()),
        ("{{range .Mounts}}{{.Nope}}{{end}}", String::new()),
        (
            r#"{{html "<a&b>\"'"}} {{js "it's <\n\"é"}} {{urlquery "a b/c&é~*"}}"#,
            r#"&lt;a&amp;b&gt;&#34;&#39; it\'s \u003C\u000A\"é a+b%2Fc%26%C3%A9~%2A"#.to_owned(),
        ),
        (r#"{{ .Name | html }} {{html 5 "a"}}|{{urlquery 1 2}}|{{js 1 "x"}}"#, "/web 5a|1+2|1x".to_owned()),
    ] {
        let found = match Template::parse(template, Of::Object).and_then(|template| template.render(&object)) {
            Ok(text) => text,
            Err(Failure::Problem(problem)) => problem.message,
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(found, text, "{template}");
    }
    for (template, said) in [
        ("{{.Nope}}", "1:2: executing \"\" at <.Nope>: can't evaluate field Nope in type *formatter.ContainerContext"),
        ("{{.Names.X}}", "1:8: executing \"\" at <.Names.X>: can't evaluate field X in type string"),
        (
            "{{json .Nope}}",
            "1:7: executing \"\" at <.Nope>: can't evaluate field Nope in type *formatter.ContainerContext",
        ),
    ] {
        let found = rendered_of(template, Of::TriedRow("*formatter.ContainerContext"));
        assert_eq!(found, format!("failed to execute template: template: :{said}"));
    }
    assert!(
        rendered_of("{{.Nope}}", Of::Value("events.Message")).starts_with("template: :1:2: executing \"\" at <.Nope>")
    );
    let refused = Template::parse("{{.Nope}}", Of::Object).and_then(|template| template.render(&row()));
    let Err(Failure::Problem(problem)) = refused else { panic!("accepted") };
    assert!(problem.hint.is_some_and(|hint| hint.starts_with("there are .Actor .Empty .Evil")));
}

#[test]
fn a_table_has_titles() {
    let title = |name: &str| (name == "Names").then_some("NAMES");
    let of = Of::Row("row");
    let text = rows("table {{.Names}}\\t{{.Size}}", of, &[row()], title).unwrap();
    assert_eq!(text, "NAMES     SIZE\nweb       5\n");
    assert_eq!(rows("{{.Names}}", of, &[row(), row()], title).unwrap(), "web\nweb\n");
    let text =
        rows("table {{upper .Names}}\\t{{if .Running}}{{.Actor.ID}}{{end}}\\t{{.Label \"tier\"}}", of, &[row()], title);
    assert_eq!(text.unwrap(), "NAMES     ID        TIER\nWEB       ab        front\n");
}

proptest! {
    #[test]
    fn any_template_gets_an_answer(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "{{", "}}", "{{-", "-}}", "if ", "else", "end", "range ", "with ", "$x", ":=", ",", ".", ".List", ".Names",
                "(", ")", "|", "\"a\"", "`b`", "1", "-2", "index ", "printf ", "len ", "json ", "slice ", "eq ", "break", "é",
                "\"%5s\"", " ", "\\t", "/*", "*/", "nil", "$",
            ]),
            0..30,
        ),
        text in ".{0,30}",
    ) {
        for template in [words.concat(), text] {
            if let Ok(template) = Template::parse(&template, Of::Object) {
                drop(template.render(&row()));
                drop(template.titles(|_| None));
            }
        }
    }
}
