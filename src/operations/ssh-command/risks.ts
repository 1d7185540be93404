import type { Severity } from '../../core/schemas/action.js';

/** A pattern that people should not overlook. A table, so that one more is one more row. */
export interface Risk {
  code: string;
  severity: Severity;
  pattern: RegExp;
  sentence: string;
}

// A word's beginning: the text's, or after a space, a quote, a bracket, a path or a shell's separator.
const at = String.raw`(?:^|[\s;&|('"\`/])`;
const word = (names: string): RegExp => new RegExp(String.raw`${at}(?:${names})(?=$|[\s;&|)'"\`])`);

/**
 * What is looked for in a command's words, joined by spaces. It finds what is written plainly, and no more: a command that
 * hides what it does is told by `shell_text` and `inline_code`. At most one flag of each code is raised.
 */
export const RISKS: readonly Risk[] = [
  {
    code: 'destructive',
    severity: 'critical',
    pattern: new RegExp(
      [
        String.raw`${at}rm\s(?:\S+\s+)*?-(?:-recursive|[a-zA-Z]*[rR])`,
        String.raw`${at}dd\s(?:.*\s)?of=`,
        String.raw`${at}mkfs(?:\.\w+)?\s`,
        String.raw`${at}find\s.*\s-(?:delete|exec(?:dir)?\s+\S*rm)`,
        String.raw`>\s*/dev/(?:sd|nvme|vd|xvd|mapper)`,
        String.raw`${at}kill\s+(?:-\S+\s+)*-1(?=$|\s)`,
        String.raw`:\(\)\s*\{`,
        String.raw`${at}git\s+(?:clean|reset)\s.*-(?:-hard|[a-z]*f)`,
        String.raw`${at}(?:drop|truncate)\s+(?:table|database|schema)`,
      ].join('|'),
      'i',
    ),
    sentence: 'Removes or overwrites data in a way that cannot be taken back.',
  },
  {
    code: 'destructive',
    severity: 'critical',
    pattern: word(
      'shred|wipefs|fdisk|sfdisk|parted|sgdisk|blkdiscard|cryptsetup|lvremove|vgremove|pvremove|truncate|userdel|groupdel',
    ),
    sentence: 'Removes or overwrites data in a way that cannot be taken back.',
  },
  {
    code: 'stops_host',
    severity: 'critical',
    pattern:
      /(?:^|[\s;&|('"`/])(?:shutdown|reboot|halt|poweroff|kexec|init\s+[06]|systemctl\s+(?:\S+\s+)*(?:reboot|poweroff|halt|kexec|rescue|emergency|isolate))(?=$|[\s;&|)'"`])/,
    sentence: 'Stops or restarts the host.',
  },
  {
    code: 'network_rules',
    severity: 'critical',
    pattern: word(
      String.raw`iptables(?:-restore)?|ip6tables(?:-restore)?|nft|ufw|firewall-cmd|ebtables|ipset|nmcli|netplan|tc\s+qdisc|route\s+(?:add|del)|ifconfig\s+\S+\s+\S+|ip\s+(?:-\S+\s+)*\w+\s+(?:add|del|delete|flush|set|replace|change)`,
    ),
    sentence: "Changes or reads the host's network settings or firewall; a mistake can cut it off.",
  },
  {
    code: 'network_to_shell',
    severity: 'critical',
    pattern:
      /(?:curl|wget|fetch|nc|ncat|socat|ftp|scp)\b[\s\S]*\|\s*(?:\S*sudo\s+)?(?:\S*\/)?(?:ba|da|a|k|z)?sh\b|(?:curl|wget|fetch|nc|ncat|socat)\b[\s\S]*\|\s*(?:\S*\/)?(?:python|perl|ruby|node|php)|(?:ba|da|k|z)?sh\b[\s\S]*(?:<\(|\$\(|`)\s*(?:\S*\/)?(?:curl|wget|fetch|nc)\b|\/dev\/tcp\//,
    sentence: 'Runs what it fetches from the network.',
  },
  {
    code: 'access',
    severity: 'critical',
    pattern:
      /authorized_keys|\/etc\/(?:sudoers|ssh\/|pam\.d|passwd|group|shadow|gshadow)|TrustedUserCAKeys|\.countersign|(?:^|[\s;&|('"`/])(?:useradd|adduser|usermod|groupmod|gpasswd|passwd|chpasswd|visudo|ssh-copy-id|setcap|setfacl)(?=$|[\s;&|)'"`])|chmod\s+(?:\S+\s+)*(?:[ugoa]*\+\S*s|[2467]\d{3})/,
    sentence: 'Touches who may log in to the host or what they may do there.',
  },
  {
    code: 'reads_secrets',
    severity: 'high',
    pattern:
      /\/etc\/(?:g?shadow|ssl\/private)|\/id_(?:rsa|ed25519|ecdsa)|\.ssh\/|\.aws\/|\.kube\/|\.vault-token|\.pgpass|\.netrc|\.docker\/config|\.env\b|\/environ\b|\.pem\b|\.key\b/,
    sentence: 'Names files that usually hold secrets; its output is kept for the agent.',
  },
  {
    code: 'writes_etc',
    severity: 'high',
    pattern:
      />{1,2}\s*['"]?\/(?:etc|boot|usr|lib|bin|sbin)\/|(?:^|[\s;&|('"`/])(?:tee|cp|mv|install|ln|rm|touch|chmod|chown|chattr|mkdir|rsync|sed\s+(?:\S+\s+)*-\S*i|dd|unzip|tar)\s[\s\S]*\/(?:etc|boot|usr|lib|bin|sbin)\//,
    sentence: "Writes among the host's own settings or programs.",
  },
  {
    code: 'installs_software',
    severity: 'high',
    pattern:
      /(?:^|[\s;&|('"`/])(?:apt|apt-get|dpkg|yum|dnf|rpm|zypper|apk|pacman|snap|pip3?|npm|gem|cargo|go)\s+(?:\S+\s+)*(?:install|add|remove|purge|upgrade|dist-upgrade|update|erase|-i|-[SUe]\S*)(?=$|\s)/,
    sentence: "Changes the host's software.",
  },
  {
    code: 'services',
    severity: 'medium',
    pattern:
      /(?:^|[\s;&|('"`/])(?:systemctl\s+(?:\S+\s+)*(?:start|stop|restart|reload|kill|mask|unmask|enable|disable|edit|set-property|daemon-reload)|service\s+\S+\s+\S+|supervisorctl|docker|podman|kubectl|crictl|pkill|killall)(?=$|[\s;&|)'"`])/,
    sentence: 'Starts, stops or changes services or containers.',
  },
  {
    code: 'outlives_session',
    severity: 'high',
    pattern:
      /(?:^|[\s;&|('"`/])(?:nohup|setsid|disown|crontab|systemd-run|tmux|daemonize|start-stop-daemon)(?=$|[\s;&|)'"`])|(?:^|[;&|(/]\s*)(?:at|batch|screen)\s|(?<![&|<>])&\s*(?:$|\n|;|\))/m,
    sentence:
      'May leave something running after the action: what belongs to it is ended with it, what it hands to another service is not.',
  },
];
