//! Links: those within the repository lead somewhere. Nothing is fetched; what leads elsewhere is listed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use anyhow::{Result, ensure};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{Page, line};
use crate::root;

pub fn follow(pages: &[Page]) -> Result<()> {
    let anchors: BTreeMap<&str, BTreeSet<String>> =
        pages.iter().map(|page| (page.path.as_str(), anchors(&page.text))).collect();
    let (mut faults, mut elsewhere, mut within) = (Vec::new(), BTreeSet::new(), 0);
    for page in pages {
        for (line, link) in links(&page.text) {
            if link.contains("://") || link.starts_with("mailto:") {
                elsewhere.insert(link);
            } else {
                within += 1;
                let fault = fault(&page.path, &link, &anchors);
                faults.extend(fault.map(|fault| format!("{}:{line}: {link}: {fault}", page.path)));
            }
        }
    }
    ensure!(faults.is_empty(), "{} links lead nowhere:\n{}", faults.len(), faults.join("\n"));
    println!("{} documents: {within} links within, {} elsewhere, not fetched:", pages.len(), elsewhere.len());
    elsewhere.iter().for_each(|link| println!("  {link}"));
    Ok(())
}

/// The targets of a document's links, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter();
    let links = events.filter_map(|(event, range)| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => Some((range.start, dest_url)),
        _ => None,
    });
    links.map(|(at, link)| (line(text, at), link.into_string())).collect()
}

/// What is wrong with a link that is in this document.
fn fault(page: &str, link: &str, anchors: &BTreeMap<&str, BTreeSet<String>>) -> Option<String> {
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let target = if file.is_empty() { page.to_owned() } else { beside(page, file)? };
    if !root().join(&target).exists() {
        return Some(format!("there is no {target}"));
    }
    let anchor = anchor?;
    match anchors.get(target.as_str()) {
        Some(known) if known.contains(anchor) => None,
        Some(_) => Some(format!("{target} has no heading for #{anchor}")),
        None => Some("an anchor of a file that is no document".into()),
    }
}

/// A path that is relative to a document's folder, from the root. One that leads out of the repository is as it is.
fn beside(page: &str, file: &str) -> Option<String> {
    let mut path = PathBuf::new();
    for part in Path::new(page).parent()?.join(file).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if path.pop() => {}
            part => path.push(part),
        }
    }
    Some(path.to_str()?.to_owned())
}

/// What the headings of a document can be linked by, as GitHub makes it.
fn anchors(text: &str) -> BTreeSet<String> {
    let (mut anchors, mut heading) = (BTreeSet::new(), None);
    for event in Parser::new(text) {
        match (event, &mut heading) {
            (Event::Start(Tag::Heading { .. }), _) => heading = Some(String::new()),
            (Event::Text(text) | Event::Code(text), Some(heading)) => *heading += &text,
            (Event::End(TagEnd::Heading(_)), Some(text)) => {
                let anchor = slug(text);
                let numbered = (1..).map(|number| format!("{anchor}-{number}"));
                let free = std::iter::once(anchor.clone()).chain(numbered).find(|name| !anchors.contains(name));
                anchors.extend(free);
                heading = None;
            }
            _ => {}
        }
    }
    anchors
}

fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|character| character.is_alphanumeric() || " -_".contains(*character));
    kept.flat_map(char::to_lowercase).map(|character| if character == ' ' { '-' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_as_github_makes_them() {
        let text = "# A `b`-c, d?\n## Same\n## Same\n```\n# none\n```\n";
        assert_eq!(anchors(text), ["a-b-c-d", "same", "same-1"].map(str::to_owned).into());
    }

    #[test]
    fn links_are_found_wherever_they_are() {
        let text = "[a](b.md) ![c](d.png)\n\n| [e][f] |\n|---|\n| x |\n\n[f]: g.md#h\n";
        let expected = [(1, "b.md"), (1, "d.png"), (3, "g.md#h")].map(|(line, link)| (line, link.to_owned()));
        assert_eq!(links(text), expected);
    }

    #[test]
    fn links_lead_somewhere() {
        let known = BTreeMap::from([("README.md", anchors("# Top\n")), ("docs/a.md", anchors("# One\n"))]);
        for right in ["#top", "Cargo.toml", "xtask/src/", "./README.md#top"] {
            assert_eq!(fault("README.md", right, &known), None, "{right}");
        }
        assert_eq!(fault("docs/a.md", "../README.md#top", &known), None);
        for wrong in ["#bottom", "nothing.md", "Cargo.toml#package", "../outside", "README.md#one"] {
            assert!(fault("README.md", wrong, &known).is_some(), "{wrong}");
        }
    }
}
