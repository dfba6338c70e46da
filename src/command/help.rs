//! HELP of the commands that contain others.

use super::{CommandError, Context};
use crate::resp::Args;

type Reply = Result<(), CommandError>;

fn write(ctx: &mut Context<'_>, name: &str, lines: &[&str]) -> Reply {
    ctx.out.array(lines.len() + 3);
    let title = format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    ctx.out.simple(&title);
    lines.iter().for_each(|line| ctx.out.simple(line));
    ctx.out.simple("HELP");
    ctx.out.simple("    Print this help.");
    Ok(())
}

pub fn client(ctx: &mut Context<'_>, _args: Args<'_>) -> Reply {
    let lines = [
        "GETNAME | SETNAME <name>",
        "    Name of this connection.",
        "SETINFO (LIB-NAME|LIB-VER) <value>",
        "    Say which library this connection uses.",
        "ID | INFO",
        "    Number of this connection; all about it.",
        "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <id> [<id> ...]]",
        "    All about the connections.",
        "KILL <ip:port>",
        "    Close the connection from that address.",
        "KILL <filter> <value> [<filter> <value> ...]",
        "    Close the connections that pass all filters: ID <id>, TYPE <type>, USER <name>,",
        "    ADDR <ip:port>, LADDR <ip:port>, MAXAGE <seconds>, SKIPME (YES|NO) (default: yes).",
        "PAUSE <milliseconds> [WRITE|ALL] | UNPAUSE",
        "    Hold all commands, or those that write, back for a while.",
        "REPLY (ON|OFF|SKIP)",
        "    Whether this connection wants replies.",
        "NO-EVICT (ON|OFF) | NO-TOUCH (ON|OFF)",
        "    Accepted; nothing is evicted and no access is recorded.",
        "TRACKING OFF | TRACKINGINFO | GETREDIR | CACHING (YES|NO)",
        "    Client-side caching, which is not supported.",
    ];
    write(ctx, "CLIENT", &lines)
}

pub fn config(ctx: &mut Context<'_>, _args: Args<'_>) -> Reply {
    let lines = [
        "GET <pattern> [<pattern> ...]",
        "    Settings that match.",
        "SET <directive> <value> [<directive> <value> ...]",
        "    Change settings; all of them or, if one is refused, none.",
        "RESETSTAT",
        "    Start the counters of INFO again from zero.",
        "REWRITE",
        "    Write the settings to the configuration file.",
    ];
    write(ctx, "CONFIG", &lines)
}

pub fn command(ctx: &mut Context<'_>, _args: Args<'_>) -> Reply {
    let lines = [
        "(no subcommand) | INFO [<name> ...]",
        "    Arity, flags and keys of commands.",
        "COUNT | LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]",
        "    Number of commands; their names.",
        "DOCS [<name> ...]",
        "    What commands do.",
        "GETKEYS <command> | GETKEYSANDFLAGS <command>",
        "    The keys of a whole command.",
    ];
    write(ctx, "COMMAND", &lines)
}

pub fn memory(ctx: &mut Context<'_>, _args: Args<'_>) -> Reply {
    let lines = [
        "USAGE <key> [SAMPLES <count>]",
        "    Bytes a key takes. It is counted exactly, whatever the samples.",
        "STATS | DOCTOR",
        "    Use of memory; what is wrong with it.",
        "PURGE",
        "    Does nothing: memory is given back as it becomes free.",
    ];
    write(ctx, "MEMORY", &lines)
}

pub fn slowlog(ctx: &mut Context<'_>, _args: Args<'_>) -> Reply {
    let lines = [
        "GET [<count>]",
        "    The newest entries (default: 10, -1: all): id, time, microseconds, arguments,",
        "    address and name of the client.",
        "LEN | RESET",
        "    Number of entries; forget them.",
    ];
    write(ctx, "SLOWLOG", &lines)
}

pub fn latency(ctx: &mut Context<'_>, _args: Args<'_>) -> Reply {
    let lines = [
        "LATEST | HISTORY <event>",
        "    The last sample of each event; all samples of one.",
        "RESET [<event> ...]",
        "    Forget samples.",
        "HISTOGRAM [<command> ...]",
        "    How long commands took.",
        "DOCTOR",
        "    What the samples say.",
    ];
    write(ctx, "LATENCY", &lines)
}

pub fn view(ctx: &mut Context<'_>, _args: Args<'_>) -> Reply {
    let lines = [
        "APPLY [DRYRUN] [AUTHOR <name>] <text>",
        "    Declare the views of a text in TOML, all or none. Others stay. Returns what changes.",
        "    The options may also come behind the text.",
        "LIST",
        "    What there is of views.",
        "GET <name> [VERSION <number>]",
        "    The declaration of a view, as of now or of one of its versions.",
        "DROP <name> [AUTHOR <name>]",
        "    End a view: nothing is declared of its features any more.",
    ];
    write(ctx, "FS.VIEW", &lines)
}

pub fn pubsub(ctx: &mut Context<'_>, _args: Args<'_>) -> Reply {
    let lines = [
        "CHANNELS [<pattern>]",
        "    Channels somebody listens to.",
        "NUMSUB [<channel> ...]",
        "    How many listen to each of the channels, not counting patterns.",
        "NUMPAT",
        "    Number of patterns somebody listens to.",
    ];
    write(ctx, "PUBSUB", &lines)
}

pub fn batch(ctx: &mut Context<'_>, _args: Args<'_>) -> Reply {
    let lines = [
        "BEGIN <view>",
        "    Begin the file of a batch: its number, and the seed and shards that it is made for.",
        "WRITE <number> <offset> <bytes>",
        "    Append to the file, which has <offset> bytes.",
        "PUBLISH <number> [AUTHOR <name>] [FACTS <json>]",
        "    End the file and let it count, all at once.",
        "ABORT <number>",
        "    Give the file up.",
        "LIST [<view>] | STATUS [<view>]",
        "    Versions that are kept; all about the current ones.",
        "ROLLBACK <view> [VERSION <version>] [AUTHOR <name>]",
        "    Publish an earlier version again; by default the one before the current.",
        "RETIRE <view> <version>",
        "    Forget a version that is not the current one.",
    ];
    write(ctx, "FS.BATCH", &lines)
}
