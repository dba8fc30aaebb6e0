//! Options of the verbs about images.

use super::{Inspect, Names};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What is done with images, with or without the word "image" in front.
#[derive(Debug, Subcommand)]
pub(crate) enum ImageVerb {
    /// Pull an image from a registry
    Pull {
        /// Print the image's name only
        #[arg(short, long)]
        quiet: bool,
        /// The platform of the image, such as linux/arm64; the machine's own without it
        #[arg(long, value_name = "PLATFORM")]
        platform: Option<String>,
        /// Such as nginx, nginx:1.27 or localhost:5000/app
        image: String,
    },
    /// Push an image to the registry of its name
    Push {
        /// Push all tags of the repository
        #[arg(short, long)]
        all_tags: bool,
        /// Print the image's name only
        #[arg(short, long)]
        quiet: bool,
        /// Accepted as in docker, where it is obsolete
        #[arg(long, hide = true)]
        disable_content_trust: bool,
        /// Push it only if it is for this platform, such as linux/arm64
        #[arg(long, value_name = "PLATFORM")]
        platform: Option<String>,
        /// Such as localhost:5000/app or localhost:5000/app:1.0
        image: String,
    },
    /// Give an image another name
    Tag {
        /// The image
        source: String,
        /// Its new name
        target: String,
    },
    /// Write images to an archive
    Save(Save),
    /// Load images from an archive
    Load(Load),
    /// Make an image of an archive of files, such as an exported container
    Import(Import),
    /// Show how an image came about
    History(History),
}

#[derive(Debug, Args)]
pub(crate) struct Images {
    /// Accepted as in docker; all images are shown
    #[arg(short, long, hide = true)]
    pub(crate) all: bool,
    /// Show digests too
    #[arg(long)]
    pub(crate) digests: bool,
    /// Only those that fit, such as dangling=true, before=NAME, since=NAME, until=24h, label=KEY or reference=PATTERN
    #[arg(short, long, value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// Only ids
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Whole ids
    #[arg(long)]
    pub(crate) no_trunc: bool,
    /// Show the images that NAME meant before too; "berth tag ID NAME" puts one back
    #[arg(long, requires = "reference", conflicts_with_all = ["digests", "filter"])]
    pub(crate) history: bool,
    /// "table", "json", or a template such as '{{.Repository}}: {{.Size}}'
    #[arg(long, default_value = "table", value_name = "FORMAT")]
    pub(crate) format: String,
    /// Only those of this name
    #[arg(value_name = "NAME[:TAG]")]
    pub(crate) reference: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Make a setting of the image, by a line of a Dockerfile
    #[arg(short, long, value_name = "LINE")]
    pub(crate) change: Vec<String>,
    /// What is said of it
    #[arg(short, long)]
    pub(crate) message: Option<String>,
    /// What it is made for, such as linux/arm64; the machine's own platform without it
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    /// The archive: a file, a URL, or - for standard input
    #[arg(value_name = "FILE|URL|-")]
    pub(crate) source: String,
    /// Name of the image, and its tag
    #[arg(value_name = "NAME[:TAG]")]
    pub(crate) reference: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    /// Sizes and ages in words; --human=false in figures
    #[arg(short = 'H', long, default_value_t = true)]
    pub(crate) human: bool,
    /// Only ids
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Whole ids and commands
    #[arg(long)]
    pub(crate) no_trunc: bool,
    /// "table", "json", or a template such as '{{.CreatedBy}}: {{.Size}}'
    #[arg(long, default_value = "table", value_name = "FORMAT")]
    pub(crate) format: String,
    /// Only if the image is for this platform, such as linux/arm64
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    /// The image
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Save {
    /// The archive to write; standard output without it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Only an image of this platform, such as linux/arm64
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    /// Names or ids; a name without a tag is all of its tags
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Load {
    /// The archive; standard input without it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Show no progress
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// The platform to load, such as linux/arm64, where the archive has several
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveImages {
    /// Remove it even if other names or stopped containers use it
    #[arg(short, long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) names: Names,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    #[command(flatten)]
    Verb(Box<ImageVerb>),
    /// List images
    #[command(visible_alias = "list")]
    Ls(Images),
    /// Remove images
    #[command(visible_alias = "remove")]
    Rm(RemoveImages),
    /// Show everything about images, as JSON
    Inspect(Inspect),
    /// Show what each layer of an image adds, changes and removes, and what of it is wasted
    Explore {
        /// Whole commands
        #[arg(long)]
        no_trunc: bool,
        /// "json", or a template such as '{{.Size}} {{.Wasted}}'
        #[arg(short, long, value_name = "FORMAT")]
        format: Option<String>,
        /// The image
        name: String,
    },
    /// Remove images that have no name, or that no container has
    Prune {
        /// Those with a name too, unless a container has them
        #[arg(short, long)]
        all: bool,
        /// Do not ask
        #[arg(short, long)]
        force: bool,
        /// Only those that fit, such as until=24h or label=KEY
        #[arg(long, value_name = "FILTER")]
        filter: Vec<String>,
    },
}
